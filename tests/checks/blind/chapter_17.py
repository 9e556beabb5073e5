"""Chapter 17."""

import math

import torch
from torch import nn, optim


def like_the_chapter(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    s["b"] = momentum * s.get("b", 0) + g / (s["v"].sqrt() + eps)
    return w - lr * s["b"]


def initialises_with_zeros(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    if not s:
        s["square"] = torch.zeros_like(w)
        s["buffer"] = torch.zeros_like(w)
    s["square"].mul_(alpha).addcmul_(g, g, value=1 - alpha)
    s["buffer"].mul_(momentum).addcdiv_(g, s["square"].sqrt().add_(eps))
    return w.sub(s["buffer"], alpha=lr)


def with_lerp_and_tuple(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    v, b = s.get("memory", (torch.zeros_like(g), torch.zeros_like(g)))
    v = torch.lerp(g * g, v, alpha)
    b = b * momentum + g / (torch.sqrt(v) + eps)
    s["memory"] = (v, b)
    return w + -lr * b


def lets_pytorch_do_it(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    if "p" not in s:
        s["p"] = nn.Parameter(w.detach().clone())
        s["o"] = optim.RMSprop([s["p"]], lr=lr, alpha=alpha, momentum=momentum, eps=eps)
    p, o = (s["p"], s["o"])
    with torch.no_grad():
        p.copy_(w)
    o.param_groups[0].update(lr=lr, alpha=alpha, momentum=momentum, eps=eps)
    p.grad = g.detach().clone()
    o.step()
    return p.detach().clone()


def lr_in_the_buffer(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    s["b"] = momentum * s.get("b", 0) + lr * g / (s["v"].sqrt() + eps)
    return w - s["b"]


def momentum_of_raw_gradient(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    s["b"] = momentum * s.get("b", 0) + g
    return w - lr * s["b"] / (s["v"].sqrt() + eps)


def eps_under_the_root(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    s["b"] = momentum * s.get("b", 0) + g / (s["v"] + eps).sqrt()
    return w - lr * s["b"]


def no_momentum(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    return w - lr * g / (s["v"].sqrt() + eps)


def dampened(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    s["b"] = momentum * s.get("b", 0) + (1 - momentum) * g / (s["v"].sqrt() + eps)
    return w - lr * s["b"]


def moves_w_in_place(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    s["b"] = momentum * s.get("b", 0) + g / (s["v"].sqrt() + eps)
    w -= lr * s["b"]
    return w


def squares_g_in_place(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    g /= s["v"].sqrt() + eps
    s["b"] = momentum * s.get("b", 0) + g
    return w - lr * s["b"]


def forgets_to_keep(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    v = alpha * s.get("v", 0) + (1 - alpha) * g**2
    b = momentum * s.get("b", 0) + g / (v.sqrt() + eps)
    return w - lr * b


_shared = {}


def global_state(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    _shared["v"] = alpha * _shared.get("v", 0) + (1 - alpha) * g**2
    _shared["b"] = momentum * _shared.get("b", 0) + g / (_shared["v"].sqrt() + eps)
    return w - lr * _shared["b"]


def first_buffer_is_g(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = alpha * s["v"] + (1 - alpha) * g**2 if "v" in s else g**2
    s["b"] = momentum * s.get("b", 0) + g / (s["v"].sqrt() + eps)
    return w - lr * s["b"]


def alpha_swapped(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = (1 - alpha) * s.get("v", 0) + alpha * g**2
    s["b"] = momentum * s.get("b", 0) + g / (s["v"].sqrt() + eps)
    return w - lr * s["b"]


def hard_codes_constants(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-08):
    s["v"] = 0.99 * s.get("v", 0) + 0.01 * g**2
    s["b"] = 0.9 * s.get("b", 0) + g / (s["v"].sqrt() + 1e-08)
    return w - lr * s["b"]


def four_lists(model, lr, head, head_lr, weight_decay):
    in_head = {id(p) for p in head.parameters()}
    buckets = {}
    for p in model.parameters():
        if p.requires_grad:
            buckets.setdefault((id(p) in in_head, p.dim() < 2), []).append(p)
    return [
        {"params": ps, "lr": head_lr if h else lr, "weight_decay": 0.0 if small else weight_decay}
        for (h, small), ps in buckets.items()
    ]


def one_group_per_parameter(model, lr, head, head_lr, weight_decay):
    in_head = set(head.parameters())
    return [
        dict(
            params=[p],
            lr=head_lr if p in in_head else lr,
            weight_decay=weight_decay if p.ndim >= 2 else 0,
        )
        for p in model.parameters()
        if p.requires_grad
    ]


def comprehension_and_filter(model, lr, head, head_lr, weight_decay):
    head_params = list(head.parameters())
    is_head = lambda p: any(p is q for q in head_params)
    trainable = [p for p in model.parameters() if p.requires_grad]
    result = []
    for at_head, rate in ((False, lr), (True, head_lr)):
        for big, decay in ((True, weight_decay), (False, 0.0)):
            chosen = [p for p in trainable if is_head(p) == at_head and (len(p.shape) > 1) == big]
            if chosen:
                result.append({"params": chosen, "lr": rate, "weight_decay": decay})
    return result


def _four(model, lr, head, head_lr, weight_decay):
    ids = {id(p) for p in head.parameters()}
    ps = [p for p in model.parameters() if p.requires_grad]
    return [
        {
            "params": [p for p in ps if (id(p) in ids) == h and (p.dim() < 2) == s],
            "lr": head_lr if h else lr,
            "weight_decay": 0.0 if s else weight_decay,
        }
        for h in (False, True)
        for s in (False, True)
    ]


def keeps_empty_groups(model, lr, head, head_lr, weight_decay):
    return _four(model, lr, head, head_lr, weight_decay)


def takes_frozen(model, lr, head, head_lr, weight_decay):
    ids, out = ({id(p) for p in head.parameters()}, {})
    for p in model.parameters():
        out.setdefault((id(p) in ids, p.dim() < 2), []).append(p)
    return [
        {"params": v, "lr": head_lr if h else lr, "weight_decay": 0.0 if s else weight_decay}
        for (h, s), v in out.items()
    ]


def by_the_name_bias(model, lr, head, head_lr, weight_decay):
    ids, out = ({id(p) for p in head.parameters()}, {})
    for n, p in model.named_parameters():
        if p.requires_grad:
            out.setdefault((id(p) in ids, n.endswith("bias")), []).append(p)
    return [
        {"params": v, "lr": head_lr if h else lr, "weight_decay": 0.0 if s else weight_decay}
        for (h, s), v in out.items()
    ]


def by_the_name_head(model, lr, head, head_lr, weight_decay):
    out = {}
    for n, p in model.named_parameters():
        if p.requires_grad:
            out.setdefault((n.startswith("head"), p.dim() < 2), []).append(p)
    return [
        {"params": v, "lr": head_lr if h else lr, "weight_decay": 0.0 if s else weight_decay}
        for (h, s), v in out.items()
    ]


def head_twice(model, lr, head, head_lr, weight_decay):
    out = []
    for ps, rate in ((list(model.parameters()), lr), (list(head.parameters()), head_lr)):
        for small in (False, True):
            c = [p for p in ps if p.requires_grad and (p.dim() < 2) == small]
            if c:
                out.append(
                    {"params": c, "lr": rate, "weight_decay": 0.0 if small else weight_decay}
                )
    return out


def head_biases_decay(model, lr, head, head_lr, weight_decay):
    return [
        {**g, "weight_decay": weight_decay if g["lr"] == head_lr else g["weight_decay"]}
        for g in _four(model, lr, head, head_lr, weight_decay)
        if g["params"]
    ]


def at_most_two_dimensions(model, lr, head, head_lr, weight_decay):
    ids, out = ({id(p) for p in head.parameters()}, {})
    for p in model.parameters():
        if p.requires_grad:
            out.setdefault((id(p) in ids, p.dim() <= 2), []).append(p)
    return [
        {"params": v, "lr": head_lr if h else lr, "weight_decay": 0.0 if s else weight_decay}
        for (h, s), v in out.items()
    ]


def swaps_the_rates(model, lr, head, head_lr, weight_decay):
    return [g for g in _four(model, head_lr, head, lr, weight_decay) if g["params"]]


def no_own_decay_key(model, lr, head, head_lr, weight_decay):
    out = []
    for g in _four(model, lr, head, head_lr, weight_decay):
        if g["params"]:
            if not g["weight_decay"]:
                g.pop("weight_decay")
            out.append(g)
    return out


def children_only(model, lr, head, head_lr, weight_decay):
    out = {}
    for child in model.children():
        for p in child.parameters():
            if p.requires_grad:
                out.setdefault((child is head, p.dim() < 2), []).append(p)
    return [
        {"params": v, "lr": head_lr if h else lr, "weight_decay": 0.0 if s else weight_decay}
        for (h, s), v in out.items()
    ]


def only_direct_head_parameters(model, lr, head, head_lr, weight_decay):
    ids, out = ({id(p) for p in head.parameters(recurse=False)}, {})
    for p in model.parameters():
        if p.requires_grad:
            out.setdefault((id(p) in ids, p.dim() < 2), []).append(p)
    return [
        {"params": v, "lr": head_lr if h else lr, "weight_decay": 0.0 if s else weight_decay}
        for (h, s), v in out.items()
    ]


def returns_an_optimizer(model, lr, head, head_lr, weight_decay):
    return optim.SGD([g for g in _four(model, lr, head, head_lr, weight_decay) if g["params"]])


class DecoratedLikePyTorch(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.add_(torch.sign(p.grad), alpha=-group["lr"])
        return loss


class WithData(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        defaults = {"lr": lr}
        optim.Optimizer.__init__(self, params, defaults)

    def step(self, closure=None):
        loss = None
        if closure:
            with torch.set_grad_enabled(True):
                loss = closure()
        for g in self.param_groups:
            rate = g["lr"]
            for p in (q for q in g["params"] if q.grad is not None):
                d = p.grad.data
                p.data.copy_(
                    torch.where(d > 0, p.data - rate, torch.where(d < 0, p.data + rate, p.data))
                )
        return loss


class WithForeach(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        with torch.enable_grad():
            loss = None if closure is None else closure()
        with torch.no_grad():
            for group in self.param_groups:
                some = [p for p in group["params"] if p.grad is not None]
                if some:
                    torch._foreach_add_(some, [p.grad.sign() * -group["lr"] for p in some])
        return loss


class SwitchesGradOn(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p -= group["lr"] * p.grad.sign()
        return loss


class _Base(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    def move(self, p, lr):
        p -= lr * p.grad.sign()

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.move(p, group["lr"])
        return loss


class GoesUphill(_Base):
    def move(self, p, lr):
        p += lr * p.grad.sign()


class PlainSGD(_Base):
    def move(self, p, lr):
        p -= lr * p.grad


class SignsTheGradientInPlace(_Base):
    def move(self, p, lr):
        p -= lr * p.grad.sign_()


class ZeroesGradients(_Base):
    def move(self, p, lr):
        p -= lr * p.grad.sign()
        p.grad = None


class ZeroGradientMoves(_Base):
    def move(self, p, lr):
        p -= lr * torch.where(p.grad > 0, 1.0, -1.0)


class DividesByItself(_Base):
    def move(self, p, lr):
        p -= lr * p.grad / p.grad.abs()


class SignOfTheSum(_Base):
    def move(self, p, lr):
        p -= lr * p.grad.sum().sign()


class KeepsFirstRate(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})
        self.lr = lr

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p -= self.lr * p.grad.sign()
        return loss


class FirstGroupOnly(_Base):
    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for p in self.param_groups[0]["params"]:
            if p.grad is not None:
                p -= self.param_groups[0]["lr"] * p.grad.sign()
        return loss


class NoSkip(_Base):
    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * p.grad.sign()
        return loss


class ClosureWithoutGradients(_Base):
    @torch.no_grad()
    def step(self, closure=None):
        loss = closure() if closure else None
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p -= group["lr"] * p.grad.sign()
        return loss


class ClosureAfterwards(_Base):
    @torch.no_grad()
    def step(self, closure=None):
        super().step()
        if closure is not None:
            with torch.enable_grad():
                return closure()


class ClosureTwice(_Base):
    @torch.no_grad()
    def step(self, closure=None):
        if closure is not None:
            with torch.enable_grad():
                closure()
        return super().step(closure)


class ForgetsTheLoss(_Base):
    @torch.no_grad()
    def step(self, closure=None):
        super().step(closure)


class IgnoresClosure(_Base):
    @torch.no_grad()
    def step(self, closure=None):
        return super().step()


class StopsAtMissing(_Base):
    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    break
                p -= group["lr"] * p.grad.sign()
        return loss


class NotAnOptimizer:
    def __init__(self, params, lr=0.01):
        self.params, self.lr = (list(params), lr)

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for p in self.params:
            if p.grad is not None:
                p -= self.lr * p.grad.sign()
        return loss


def _rule(name, update, lr=0.3, start=None):
    """A class whose step calls update(self, group, p, self.state[p])."""

    class Rule(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, dict(lr=lr))

        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    update(self, group, p, self.state[p])

    Rule.__name__ = name
    return Rule


class Adagrad(optim.Optimizer):
    def __init__(self, params, lr=0.3):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                s = self.state[p]
                if not s:
                    s["sum"] = torch.zeros_like(p)
                s["sum"].addcmul_(p.grad, p.grad)
                p.addcdiv_(p.grad, s["sum"].sqrt().add(1e-15), value=-group["lr"])


class AdamOwn(optim.Optimizer):
    def __init__(self, params, lr=0.1, betas=(0.9, 0.99), eps=1e-10):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps))

    def step(self):
        with torch.no_grad():
            for g in self.param_groups:
                b1, b2 = g["betas"]
                for p in g["params"]:
                    if p.grad is None:
                        continue
                    s = self.state[p]
                    s["t"] = s.get("t", 0) + 1
                    s["m"] = b1 * s.get("m", 0) + (1 - b1) * p.grad
                    s["v"] = b2 * s.get("v", 0) + (1 - b2) * p.grad**2
                    m, v = s["m"] / (1 - b1 ** s["t"]), s["v"] / (1 - b2 ** s["t"])
                    p -= g["lr"] * m / (v.sqrt() + g["eps"])


def _sign(self, group, p, s):
    s["t"] = s.get("t", 0) + 1
    p.sub_(group["lr"] / math.sqrt(s["t"]) * p.grad.sign())


SignDecay = _rule("SignDecay", _sign, 0.1)


def _rprop(self, group, p, s):
    g = p.grad
    if "size" not in s:
        s["size"], s["last"] = torch.full_like(p, 1.0), torch.zeros_like(p)
    same = g.sign() * s["last"]
    s["size"] = s["size"] * torch.where(same > 0, 1.2, torch.where(same < 0, 0.5, 1.0))
    s["last"] = g.sign()
    p -= group["lr"] * s["size"] * g.sign()


Rprop = _rule("Rprop", _rprop, 0.1)


class InheritAdam(optim.Adam):
    def __init__(self, params):
        super().__init__(params, lr=0.1, eps=1e-12)


class AmsGrad(optim.Optimizer):
    """Largest gradient so far as the unit; one step counter for all in self.state."""

    def __init__(self, params):
        super().__init__(params, defaults={"lr": 1.0})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in filter(lambda p: p.grad is not None, group["params"]):
                st = self.state[p]
                st["top"] = torch.maximum(st.get("top", torch.zeros_like(p)), p.grad.abs())
                p.copy_(p - group["lr"] * 0.5 * torch.where(st["top"] > 0, p.grad / st["top"], 0.0))


class GlobalStep(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.2})

    @torch.no_grad()
    def step(self):
        t = self.state["step"] = self.state.get("step", 0) + 1
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(p.grad.sign(), alpha=-group["lr"] * 0.97**t)


class InGroup(optim.Optimizer):
    """The step number is kept in the group."""

    def __init__(self, params):
        super().__init__(params, {"lr": 0.1, "t": 0})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            group["t"] += 1
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad.sign() / group["t"] ** 0.5)


def _momentum_rms(self, group, p, s):
    s["v"] = s["v"].lerp(p.grad**2, 0.1) if "v" in s else p.grad**2
    u = p.grad / (s["v"].sqrt() + 1e-20)
    s["m"] = s["m"].lerp(u, 0.3) if "m" in s else u
    p.sub_(0.5 * group["lr"] * s["m"])


MomentumRMS = _rule("MomentumRMS", _momentum_rms, 0.1)


def _sgd(self, group, p, s):
    p.sub_(group["lr"] * p.grad)


SGD = _rule("SGD", _sgd, 0.015)


def _mom(self, group, p, s):
    s["v"] = 0.9 * s.get("v", torch.zeros_like(p)) + p.grad
    p.sub_(group["lr"] * s["v"])


Momentum = _rule("Momentum", _mom, 0.01)


class AdamDefault(optim.Adam):
    def __init__(self, params):
        super().__init__(params, lr=1e-3)


class AdamBigEps(optim.Adam):
    def __init__(self, params):
        super().__init__(params, lr=0.1, eps=1e-2)


class NoLR(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {})

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is not None:
                    m = self.state[p]
                    m["s"] = m.get("s", 0) + p.grad**2
                    p.sub_(0.3 * p.grad / (m["s"].sqrt() + 1e-12))


class OwnLR(optim.Optimizer):
    def __init__(self, params, lr=0.3):
        super().__init__(params, {"lr": lr})
        self.lr = lr

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is not None:
                    m = self.state[p]
                    m["s"] = m.get("s", 0) + p.grad**2
                    p.sub_(self.lr * p.grad / (m["s"].sqrt() + 1e-12))


class DefaultsLR(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.3})

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is not None:
                    m = self.state[p]
                    m["s"] = m.get("s", 0) + p.grad**2
                    p.sub_(self.defaults["lr"] * p.grad / (m["s"].sqrt() + 1e-12))


class OwnMemory(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.3})
        self.memory = {}

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is not None:
                    self.memory[p] = self.memory.get(p, 0) + p.grad**2
                    p.sub_(g["lr"] * p.grad / (self.memory[p].sqrt() + 1e-12))


class OwnCounter(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.1})
        self.t = 0

    @torch.no_grad()
    def step(self):
        self.t += 1
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is not None:
                    p.sub_(g["lr"] / self.t**0.5 * p.grad.sign())


class NoneCrashes(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.1})

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                s = self.state[p]
                s["t"] = s.get("t", 0) + 1
                p.sub_(g["lr"] / s["t"] ** 0.5 * p.grad.sign())


class NoneDecays(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.3})

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                p.mul_(1 - g["lr"] * 0.01)
                if p.grad is not None:
                    m = self.state[p]
                    m["s"] = m.get("s", 0) + p.grad**2
                    p.sub_(g["lr"] * p.grad / (m["s"].sqrt() + 1e-12))


class NoneZeroGrad(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.3})

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is None:
                    p.grad = torch.zeros_like(p)
                m = self.state[p]
                m["s"] = m.get("s", 0) + p.grad**2
                p.sub_(g["lr"] * p.grad / (m["s"].sqrt() + 1e-12))


def _zeroes(self, group, p, s):
    s["s"] = s.get("s", 0) + p.grad**2
    p.sub_(group["lr"] * p.grad / (s["s"].sqrt() + 1e-12))
    p.grad.zero_()


ZeroesGrad = _rule("ZeroesGrad", _zeroes)


def _nones(self, group, p, s):
    s["s"] = s.get("s", 0) + p.grad**2
    p.sub_(group["lr"] * p.grad / (s["s"].sqrt() + 1e-12))
    p.grad = None


ClearsGrad = _rule("ClearsGrad", _nones)


def _inplace(self, group, p, s):
    s["s"] = s.get("s", 0) + p.grad**2
    p.sub_(p.grad.div_(s["s"].sqrt() + 1e-12).mul_(group["lr"]))


ScalesGrad = _rule("ScalesGrad", _inplace)


class NoNoGrad(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.1})

    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is not None:
                    p -= g["lr"] * p.grad.sign()


class FirstGroup(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.3})

    @torch.no_grad()
    def step(self):
        g = self.param_groups[0]
        p = g["params"][0]
        if p.grad is not None:
            m = self.state[p]
            m["s"] = m.get("s", 0) + p.grad**2
            p.sub_(g["lr"] * p.grad / (m["s"].sqrt() + 1e-12))


def _coarse(self, group, p, s):
    p.sub_(group["lr"] * p.grad.sign())


CoarseSign = _rule("CoarseSign", _coarse, 0.3)


def _lr0decay(self, group, p, s):
    s["s"] = s.get("s", 0) + p.grad**2
    p.mul_(1 - 1e-3).sub_(group["lr"] * p.grad / (s["s"].sqrt() + 1e-12))


DecaysAtZero = _rule("DecaysAtZero", _lr0decay)


def _up(self, group, p, s):
    s["s"] = s.get("s", 0) + p.grad**2
    p.add_(group["lr"] * p.grad / (s["s"].sqrt() + 1e-12))


Uphill = _rule("Uphill", _up)


def _clip(self, group, p, s):
    p.sub_(group["lr"] * p.grad.clamp(-1, 1))


Clips = _rule("Clips", _clip, 0.015)


def _rebinds(self, group, p, s):
    s["s"] = s.get("s", 0) + p.grad**2
    p = p - group["lr"] * p.grad / (s["s"].sqrt() + 1e-12)


Rebinds = _rule("Rebinds", _rebinds)


class NeedsLR(optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is not None:
                    p.sub_(g["lr"] * p.grad.sign())


class NeedsClosure(optim.LBFGS):
    def __init__(self, params):
        super().__init__(list(params), lr=1)


def _halfstate(self, group, p, s):
    s["s"] = s.get("s", 0) + p.grad**2
    last = self.__dict__.setdefault("last", {})
    v = last[p] = 0.5 * last.get(p, 0) + p.grad / (s["s"].sqrt() + 1e-12)
    p.sub_(group["lr"] * v)


HalfSaved = _rule("HalfSaved", _halfstate, 0.2)


def _group_0(self, group, p, s):
    s["s"] = s.get("s", 0) + p.grad**2
    p.sub_(self.param_groups[0]["lr"] * p.grad / (s["s"].sqrt() + 1e-12))


LrOfGroup0 = _rule("LrOfGroup0", _group_0)


class NoneMomentum(optim.Optimizer):
    """Its momentum moves a parameter whose gradient has become None."""

    def __init__(self, params):
        super().__init__(params, {"lr": 0.05})

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                s = self.state[p]
                if p.grad is not None:
                    s["v"] = s["v"].lerp(p.grad**2, 0.1) if "v" in s else p.grad**2
                    s["m"] = 0.7 * s.get("m", 0) + 0.3 * p.grad / (s["v"].sqrt() + 1e-20)
                if "m" in s:
                    p.sub_(g["lr"] * s["m"])


class ReturnsAtNone(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.3})

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is None:
                    return
                m = self.state[p]
                m["s"] = m.get("s", 0) + p.grad**2
                p.sub_(g["lr"] * p.grad / (m["s"].sqrt() + 1e-12))


class FirstGroupOnlyRule(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.3})

    @torch.no_grad()
    def step(self):
        g = self.param_groups[0]
        for p in g["params"]:
            if p.grad is not None:
                m = self.state[p]
                m["s"] = m.get("s", 0) + p.grad**2
                p.sub_(g["lr"] * p.grad / (m["s"].sqrt() + 1e-12))


RIGHT = {
    "17.1": [like_the_chapter, initialises_with_zeros, with_lerp_and_tuple, lets_pytorch_do_it],
    "17.2": [four_lists, one_group_per_parameter, comprehension_and_filter],
    "17.3": [DecoratedLikePyTorch, SwitchesGradOn, WithData, WithForeach],
    "17.4": [
        Adagrad,
        AdamOwn,
        SignDecay,
        Rprop,
        InheritAdam,
        AmsGrad,
        GlobalStep,
        InGroup,
        MomentumRMS,
    ],
}


WRONG = {
    "17.1": [
        lr_in_the_buffer,
        momentum_of_raw_gradient,
        eps_under_the_root,
        no_momentum,
        dampened,
        moves_w_in_place,
        squares_g_in_place,
        forgets_to_keep,
        global_state,
        first_buffer_is_g,
        alpha_swapped,
        hard_codes_constants,
    ],
    "17.2": [
        keeps_empty_groups,
        takes_frozen,
        by_the_name_bias,
        by_the_name_head,
        head_twice,
        head_biases_decay,
        at_most_two_dimensions,
        swaps_the_rates,
        no_own_decay_key,
        children_only,
        only_direct_head_parameters,
        returns_an_optimizer,
    ],
    "17.3": [
        GoesUphill,
        PlainSGD,
        SignsTheGradientInPlace,
        ZeroesGradients,
        ZeroGradientMoves,
        DividesByItself,
        SignOfTheSum,
        KeepsFirstRate,
        FirstGroupOnly,
        NoSkip,
        ClosureWithoutGradients,
        ClosureAfterwards,
        ClosureTwice,
        ForgetsTheLoss,
        IgnoresClosure,
        StopsAtMissing,
        NotAnOptimizer,
    ],
    "17.4": [
        SGD,
        Momentum,
        AdamDefault,
        AdamBigEps,
        NoLR,
        OwnLR,
        DefaultsLR,
        OwnMemory,
        OwnCounter,
        NoneCrashes,
        NoneDecays,
        NoneZeroGrad,
        ZeroesGrad,
        ClearsGrad,
        ScalesGrad,
        NoNoGrad,
        FirstGroup,
        CoarseSign,
        DecaysAtZero,
        Uphill,
        Clips,
        Rebinds,
        NeedsLR,
        NeedsClosure,
        HalfSaved,
        LrOfGroup0,
        NoneMomentum,
        ReturnsAtNone,
        FirstGroupOnlyRule,
    ],
}
