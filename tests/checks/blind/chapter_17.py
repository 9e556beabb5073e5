"""Chapter 17."""

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


def designed(step_size, lr=0.05, start=lambda p: {}):
    """Makes a class whose step is ``lr * step_size(p, state)``."""

    class MyRule(optim.Optimizer):
        def __init__(self, params, lr=lr):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    if not self.state[p]:
                        self.state[p].update(start(p))
                    p.add_(step_size(p, self.state[p]), alpha=-group["lr"])

    return MyRule


def zeros(p):
    return {"t": 0, "m": torch.zeros_like(p), "v": torch.zeros_like(p)}


def adam_step(p, s):
    s["t"] += 1
    s["m"] = 0.9 * s["m"] + 0.1 * p.grad
    s["v"] = 0.99 * s["v"] + 0.01 * p.grad**2
    return s["m"] / (1 - 0.9 ** s["t"]) / ((s["v"] / (1 - 0.99 ** s["t"])).sqrt() + 1e-10)


def rprop_step(p, s):
    same = s["m"] * p.grad
    s["v"] = torch.where(s["v"] == 0, 1.0, s["v"])
    s["v"] *= torch.where(same > 0, 1.2, torch.where(same < 0, 0.5, 1.0))
    s["m"] = p.grad.clone()
    return s["v"].clamp(max=10) * p.grad.sign()


def normalized_and_falling_step(p, s):
    s["t"] += 1
    return p.grad / (p.grad.abs() + 1e-20) / s["t"] ** 0.6 * 5


def plain_step(p, s):
    return p.grad


def adam_uphill_step(p, s):
    return -adam_step(p, s)


def large_eps_step(p, s):
    s["v"] = s["v"] + p.grad**2
    return p.grad / (s["v"].sqrt() + 1.0)


def squared_step(p, s):
    s["v"] = s["v"] + p.grad**2
    return p.grad / (s["v"] + 1e-12)


def norm_in_place_step(p, s):
    return p.grad.div_(p.grad.norm() + 1e-12)


memory_of_all = {}


def module_state_step(p, s):
    memory_of_all[id(p)] = memory_of_all.get(id(p), 0) + p.grad**2
    return p.grad / (memory_of_all[id(p)].sqrt() + 1e-12)


class FixedRate(optim.Adam):
    def step(self):
        for group in self.param_groups:
            group["lr"] = 0.05
        super().step()


class SubclassOfRMSprop(optim.RMSprop):
    def __init__(self, params):
        super().__init__(params, lr=0.01, eps=1e-12)


RIGHT = {
    "17.4": [
        designed(adam_step, start=zeros),
        designed(rprop_step, 0.01, zeros),
        designed(normalized_and_falling_step, start=zeros),
        SubclassOfRMSprop,
    ],
    "17.1": [like_the_chapter, initialises_with_zeros, with_lerp_and_tuple, lets_pytorch_do_it],
    "17.2": [four_lists, one_group_per_parameter, comprehension_and_filter],
    "17.3": [DecoratedLikePyTorch, SwitchesGradOn, WithData, WithForeach],
}
WRONG = {
    "17.4": [
        designed(plain_step),
        designed(plain_step, 0.01),
        designed(adam_uphill_step, start=zeros),
        designed(large_eps_step, start=zeros),
        designed(squared_step, start=zeros),
        designed(norm_in_place_step),
        designed(module_state_step, 0.3),
        FixedRate,
        designed(adam_step, 1e-5, zeros),
    ],
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
}
