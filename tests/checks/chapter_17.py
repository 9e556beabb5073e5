"""Right and wrong answers to the exercises of chapter 17, and the hint that each must get."""

import torch
from torch import optim


def by_get(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    s["b"] = momentum * s.get("b", 0) + g / (s["v"].sqrt() + eps)
    return w - lr * s["b"]


def in_place_on_the_state(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    if not s:
        s["square"], s["buffer"] = torch.zeros_like(w), torch.zeros_like(w)
    s["square"].mul_(alpha).addcmul_(g, g, value=1 - alpha)
    s["buffer"].mul_(momentum).addcdiv_(g, s["square"].sqrt().add_(eps))
    return w.sub(s["buffer"], alpha=lr)


def one_entry(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    v, b = s.setdefault("both", (torch.zeros_like(g), torch.zeros_like(g)))
    v = v.lerp(g.square(), 1 - alpha)
    b = b * momentum + g / (torch.sqrt(v) + eps)
    s["both"] = v, b
    return w + (-lr) * b


def counted_steps(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    s["t"] = s.get("t", 0) + 1
    old_v, old_b = (s["v"], s["b"]) if s["t"] > 1 else (0.0, 0.0)
    s.update(v=alpha * old_v + (1 - alpha) * g * g)
    s.update(b=momentum * old_b + g / (s["v"] ** 0.5 + eps))
    return w - lr * s["b"]


def rule(v=None, divided=None, b=None, w=None, keep=True):
    """Makes an answer of which one part differs."""
    mean = v or (lambda v, g, a: a * v + (1 - a) * g**2)
    divide = divided or (lambda g, v, e: g / (v.sqrt() + e))
    buffer = b or (lambda b, u, m, lr: m * b + u)
    move = w or (lambda w, b, lr: w - lr * b)

    def answer(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
        v = mean(s.get("v", 0), g, alpha)
        u = divide(g, v, eps)
        b = buffer(s.get("b", 0), u, momentum, lr)
        if keep:
            s["v"], s["b"] = v, b
        return move(w, b, lr)

    return answer


def other_names(weight, gradient, memory, rate, a, mu, tiny):
    return by_get(weight, gradient, memory, rate, a, mu, tiny)


def called(name, **options):
    answer = rule(**options)
    answer.__name__ = name
    return answer


WITH_MISTAKES = [
    (called("averages", b=lambda b, u, m, lr: m * b + (1 - m) * u), "takes 1 - momentum"),
    (called("forgets", keep=False), "The dictionary s is empty"),
    (called("no_root", divided=lambda g, v, e: g / (v + e)), "divide by its root"),
    (called("eps_inside", divided=lambda g, v, e: g / (v + e).sqrt()), "inside the root"),
    (called("eps_ignored", divided=lambda g, v, e: g / (v.sqrt() + 1e-8)), "eps is left out"),
    (called("uphill", w=lambda w, b, lr: w + lr * b), "The weights go uphill"),
    (called("the_step", w=lambda w, b, lr: lr * b), "The step was returned"),
    (called("no_momentum", b=lambda b, u, m, lr: u), "The buffer is not remembered"),
    (called("alpha_exchanged", v=lambda v, g, a: (1 - a) * v + a * g**2), "are exchanged"),
    (called("sum_of_squares", v=lambda v, g, a: v + g**2), "v lacks 1 - alpha"),
    (called("not_weighed", v=lambda v, g, a: a * v + g**2), "v lacks 1 - alpha"),
    (called("v_of_this_step", v=lambda v, g, a: (1 - a) * g**2), "v is not remembered"),
    (called("nothing_divided", divided=lambda g, v, e: g), "was not divided"),
    (
        called("rate_inside", b=lambda b, u, m, lr: m * b + lr * u, w=lambda w, b, lr: w - b),
        "The learning rate went into the buffer",
    ),
]


def in_place_on_w(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    w -= lr * (w - by_get(w, g, s, 1.0, alpha, momentum, eps))
    return w


def in_place_on_g(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    s["b"] = momentum * s.get("b", 0) + g.div_(s["v"].sqrt() + eps)
    return w - lr * s["b"]


def one_state_for_all(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    s["used"] = True
    state = one_state_for_all.__dict__
    return by_get(w, g, state, lr, alpha, momentum, eps)


def empty_state_not_thought_of(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    s["v"] = alpha * s["v"] + (1 - alpha) * g**2
    s["b"] = momentum * s["b"] + g / (s["v"].sqrt() + eps)
    return w - lr * s["b"]


def returns_both(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    return by_get(w, g, s, lr, alpha, momentum, eps), s


def by_key(model, lr, head, head_lr, weight_decay):
    in_head, found = set(head.parameters()), {}
    for p in model.parameters():
        if p.requires_grad:
            key = head_lr if p in in_head else lr, weight_decay if p.ndim >= 2 else 0.0
            found.setdefault(key, []).append(p)
    return [{"params": ps, "lr": r, "weight_decay": d} for (r, d), ps in found.items()]


def four_lists(model, lr, head, head_lr, weight_decay):
    inside = {id(p) for p in head.parameters()}
    found = []
    for rate, mine in ((head_lr, True), (lr, False)):
        for decay, wide in ((weight_decay, True), (0, False)):
            ps = tuple(
                p
                for p in model.parameters()
                if p.requires_grad and (id(p) in inside) == mine and (p.dim() > 1) == wide
            )
            if ps:
                found.append(dict(params=ps, lr=rate, weight_decay=decay))
    return found


def one_each(model, lr, head, head_lr, weight_decay):
    inside = {id(p) for p in head.parameters()}
    return tuple(
        {
            "params": p,
            "lr": head_lr if id(p) in inside else lr,
            "weight_decay": weight_decay * (p.ndim > 1),
        }
        for p in model.parameters()
        if p.requires_grad
    )


def with_names(model, lr, head, head_lr, weight_decay):
    inside = list(map(id, head.parameters()))
    return [
        {
            "params": iter([(name, p)]),
            "lr": head_lr if id(p) in inside else lr,
            "weight_decay": weight_decay if p.ndim > 1 else 0.0,
        }
        for name, p in model.named_parameters()
        if p.requires_grad
    ]


def grouped(model, lr, head_lr, weight_decay, inside, wide=lambda p: p.ndim >= 2, trained=True):
    found = {}
    for p in model.parameters():
        if p.requires_grad or not trained:
            key = head_lr if inside(p) else lr, weight_decay if wide(p) else 0.0
            found.setdefault(key, []).append(p)
    return [{"params": ps, "lr": r, "weight_decay": d} for (r, d), ps in found.items()]


def ids(head):
    return {id(p) for p in head.parameters()}


def empty_groups(model, lr, head, head_lr, weight_decay):
    found = by_key(model, lr, head, head_lr, weight_decay)
    return [*found, {"params": [], "lr": lr, "weight_decay": 0.0}]


def frozen_too(model, lr, head, head_lr, weight_decay):
    return grouped(model, lr, head_lr, weight_decay, lambda p: id(p) in ids(head), trained=False)


def head_twice(model, lr, head, head_lr, weight_decay):
    body = grouped(model, lr, head_lr, weight_decay, lambda p: False)
    return body + grouped(head, lr, head_lr, weight_decay, lambda p: True)


def decays_all(model, lr, head, head_lr, weight_decay):
    return grouped(
        model, lr, head_lr, weight_decay, lambda p: id(p) in ids(head), wide=lambda p: True
    )


def decays_none(model, lr, head, head_lr, weight_decay):
    return grouped(
        model, lr, head_lr, weight_decay, lambda p: id(p) in ids(head), wide=lambda p: False
    )


def decays_more_than_two(model, lr, head, head_lr, weight_decay):
    return grouped(
        model, lr, head_lr, weight_decay, lambda p: id(p) in ids(head), wide=lambda p: p.ndim > 2
    )


def direct_alone(model, lr, head, head_lr, weight_decay):
    own = {id(p) for p in head.parameters(recurse=False)}
    return grouped(model, lr, head_lr, weight_decay, lambda p: id(p) in own)


def rates_exchanged(model, lr, head, head_lr, weight_decay):
    return by_key(model, head_lr, head, lr, weight_decay)


def one_rate(model, lr, head, head_lr, weight_decay):
    return grouped(model, lr, head_lr, weight_decay, lambda p: False)


def children_alone(model, lr, head, head_lr, weight_decay):
    found, seen = [], set()
    for child in model.children():
        for p in child.parameters():
            if p.requires_grad and id(p) not in seen:
                seen.add(id(p))
                rate = head_lr if child is head else lr
                decay = weight_decay if p.ndim > 1 else 0.0
                found.append({"params": [p], "lr": rate, "weight_decay": decay})
    return found


def body_forgotten(model, lr, head, head_lr, weight_decay):
    return by_key(head, lr, head, head_lr, weight_decay)


def without_decay_key(model, lr, head, head_lr, weight_decay):
    found = by_key(model, lr, head, head_lr, weight_decay)
    return [{k: v for k, v in group.items() if k == "params" or v} for group in found]


def an_optimizer(model, lr, head, head_lr, weight_decay):
    return optim.AdamW(by_key(model, lr, head, head_lr, weight_decay))


def names_for_parameters(model, lr, head, head_lr, weight_decay):
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    return [{"params": names, "lr": lr, "weight_decay": weight_decay}]


def freezes(model, lr, head, head_lr, weight_decay):
    found = by_key(model, lr, head, head_lr, weight_decay)
    for p in model.parameters():
        p.requires_grad_(False)
    return found


class SignSGD(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self.move()
        return loss

    def move(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad.sign())


class ThroughData(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, dict(lr=lr))

    def step(self, closure=None):
        loss = closure() if closure else None
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.data -= group["lr"] * torch.sign(p.grad)
        return loss


class WithForeach(SignSGD):
    def move(self):
        for group in self.param_groups:
            ps = [p for p in group["params"] if p.grad is not None]
            signs = [torch.where(p.grad > 0, 1.0, 0.0) - (p.grad < 0).to(p.dtype) for p in ps]
            if ps:
                torch._foreach_add_(ps, signs, alpha=-group["lr"])


class ByFloats(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        defaults = {"lr": lr, "momentum": 0}
        super().__init__(params, defaults)

    def step(self, closure=None):
        loss = None if closure is None else float(closure())
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p.copy_(p - group["lr"] * p.grad.sgn())
        return loss


class NeedsGradients(SignSGD):
    def move(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad.sign())


class OneRate(SignSGD):
    def move(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(self.defaults["lr"] * p.grad.sign())


class RateOfTheStart(SignSGD):
    def __init__(self, params, lr=0.01):
        super().__init__(params, lr)
        self.rates = [group["lr"] for group in self.param_groups]

    def move(self):
        for rate, group in zip(self.rates, self.param_groups, strict=True):
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(rate * p.grad.sign())


class FirstGroupAlone(SignSGD):
    def move(self):
        for p in self.param_groups[0]["params"]:
            p.sub_(self.param_groups[0]["lr"] * p.grad.sign())


class Uphill(SignSGD):
    def move(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(group["lr"] * p.grad.sign())


class PlainSGD(SignSGD):
    def move(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad)


class NearlySigns(SignSGD):
    def move(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad / (p.grad.abs() + 1e-8))


class TwoSigns(SignSGD):
    def move(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * torch.where(p.grad > 0, 1.0, -1.0))


class InPlaceSign(SignSGD):
    def move(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad.sign_())


class Clears(SignSGD):
    def move(self):
        super().move()
        self.zero_grad()


class Recorded(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p -= group["lr"] * p.grad.sign()


class IgnoresTheClosure(SignSGD):
    def step(self, closure=None):
        with torch.no_grad():
            self.move()


class ForgetsTheLoss(SignSGD):
    def step(self, closure=None):
        super().step(closure)


class ClosureWithoutGradients(SignSGD):
    @torch.no_grad()
    def step(self, closure=None):
        loss = closure() if closure else None
        self.move()
        return loss


class ClosureAfterwards(SignSGD):
    def step(self, closure=None):
        with torch.no_grad():
            self.move()
        return closure() if closure else None


class ClosureTwice(SignSGD):
    def step(self, closure=None):
        if closure:
            closure()
        return super().step(closure)


class WithoutSuper(SignSGD):
    def __init__(self, params, lr=0.01):
        self.groups, self.lr = list(params), lr


class RebindsParameters(SignSGD):
    def move(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p = p - group["lr"] * p.grad.sign()


def a_function(params, lr=0.01):
    return SignSGD(params, lr)


class Rule(optim.Optimizer):
    """Adagrad, with parts to exchange."""

    def __init__(self, params, lr=0.3):
        super().__init__(params, {"lr": lr})

    def rate(self, group):
        return group["lr"]

    def size(self, p):
        s = self.state[p]
        s["sum"] = s.get("sum", torch.zeros_like(p)) + p.grad**2
        return s["sum"].sqrt() + 1e-12

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p -= self.rate(group) * p.grad / self.size(p)


class AdamByHand(optim.Optimizer):
    def __init__(self, params, lr=0.05):
        super().__init__(params, dict(lr=lr, betas=(0.9, 0.99)))

    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                s = self.state[p]
                if not s:
                    s.update(t=0, m=torch.zeros_like(p.data), v=torch.zeros_like(p.data))
                s["t"] += 1
                s["m"].lerp_(p.grad, 1 - b1)
                s["v"].lerp_(p.grad**2, 1 - b2)
                m, v = s["m"] / (1 - b1 ** s["t"]), s["v"] / (1 - b2 ** s["t"])
                p.data -= group["lr"] * m / (v.sqrt() + 1e-12)


class SignsAlone(Rule):
    def __init__(self, params, lr=0.01):
        super().__init__(params, lr)

    def size(self, p):
        return p.grad.abs().clamp(min=1e-30)


class FallingSigns(SignsAlone):
    def size(self, p):
        t = self.state[p]["t"] = self.state[p].get("t", 0) + 1
        return super().size(p) * t**0.5 / 10


class LargestSoFar(optim.Optimizer):
    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            for p in moving:
                s = self.state[p]
                s["n"] = s.get("n", 0) + 1
                s["top"] = torch.maximum(s.get("top", torch.zeros_like(p)), p.grad.abs())
                p.sub_(p.grad / s["top"].clamp(min=1e-30), alpha=group["lr"])


class AdamOfPyTorch(optim.Adam):
    def __init__(self, params, lr=0.05):
        super().__init__(params, lr=lr)


class LargePlainSteps(Rule):
    def __init__(self, params, lr=0.1):
        super().__init__(params, lr)

    def size(self, p):
        return torch.ones_like(p)


class SmallPlainSteps(LargePlainSteps):
    def __init__(self, params, lr=0.01):
        super().__init__(params, lr)


class ClippedSteps(SmallPlainSteps):
    def size(self, p):
        return p.grad.norm().clamp(min=1.0)


class TinySteps(Rule):
    def __init__(self, params, lr=1e-4):
        super().__init__(params, lr)


class LargeSigns(SignsAlone):
    def __init__(self, params, lr=0.5):
        super().__init__(params, lr)


class GoesUp(Rule):
    def rate(self, group):
        return -group["lr"]


class RateFromTheStart(Rule):
    def rate(self, group):
        return 0.3


class NeedsRate(Rule):
    def __init__(self, params, lr):
        super().__init__(params, lr)


class OwnMemory(Rule):
    def __init__(self, params, lr=0.3):
        super().__init__(params, lr)
        self.sums = {}

    def size(self, p):
        self.sums[p] = self.sums.get(p, torch.zeros_like(p)) + p.grad**2
        return self.sums[p].sqrt() + 1e-12


class CountsItself(FallingSigns):
    t = 0

    def size(self, p):
        self.t += 1
        return p.grad.abs().clamp(min=1e-30) * self.t**0.5 / 10


class DividesTheGradient(Rule):
    def size(self, p):
        p.grad /= super().size(p)
        return 1.0


class ClearsGradients(Rule):
    def step(self, closure=None):
        super().step()
        self.zero_grad()


class RateOfTheFirstGroup(Rule):
    def rate(self, group):
        return self.param_groups[0]["lr"]


class OnlyTheFirstGroup(Rule):
    @torch.no_grad()
    def step(self, closure=None):
        group = self.param_groups[0]
        for p in group["params"]:
            if p.grad is not None:
                p -= group["lr"] * p.grad / self.size(p)


class ZerosForNone(Rule):
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        super().step()


class GoesOnWithoutAGradient(Rule):
    """The momentum of earlier steps moves a parameter that has no gradient now."""

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                s = self.state[p]
                if p.grad is not None:
                    s["m"] = s.get("m", 0) / 2 + p.grad / self.size(p)
                if "m" in s:
                    p -= group["lr"] * s["m"]


class ShrinksAll(Rule):
    @torch.no_grad()
    def step(self, closure=None):
        super().step()
        for group in self.param_groups:
            for p in group["params"]:
                p *= 1 - 0.01 * group["lr"]


class ForgetsNone(Rule):
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p -= self.rate(group) * p.grad / self.size(p)


class MakesNewTensors(Rule):
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p = p - self.rate(group) * p.grad / self.size(p)


class WithoutGroups(Rule):
    def __init__(self, params, lr=0.3):
        self.held = list(params)


def makes_a_rule(params, lr=0.3):
    return Rule(params, lr)


RIGHT = {
    "17.1": [by_get, in_place_on_the_state, one_entry, counted_steps, other_names],
    "17.2": [by_key, four_lists, one_each, with_names],
    "17.3": [SignSGD, ThroughData, WithForeach, ByFloats],
    "17.4": [Rule, AdamByHand, SignsAlone, FallingSigns, LargestSoFar, AdamOfPyTorch],
}

WRONG = {
    "17.1": [
        *WITH_MISTAKES,
        (in_place_on_w, "The numbers in the argument w have changed"),
        (in_place_on_g, "The numbers in the argument g have changed"),
        (one_state_for_all, "your answer raised RuntimeError"),
        (empty_state_not_thought_of, "your answer raised KeyError"),
        (returns_both, "should be a torch.Tensor, and it is a tuple of 2"),
    ],
    "17.2": [
        (empty_groups, "There is an empty group"),
        (frozen_too, "and it does not require gradients"),
        (head_twice, "is in two groups"),
        (decays_all, "the weight decay 0.5: it should be 0"),
        (decays_none, "the weight decay 0: it should be 0.5"),
        (decays_more_than_two, "has 2 dimensions and the weight decay 0"),
        (direct_alone, "is one of the head, and has the learning rate 0.01"),
        (rates_exchanged, "is not one of the head, and has the learning rate 1"),
        (one_rate, "is one of the head, and has the learning rate 0.1"),
        (children_alone, "'scale' requires gradients and is in no group"),
        (body_forgotten, "'0.weight' requires gradients and is in no group"),
        (without_decay_key, "A group has no 'weight_decay'"),
        (an_optimizer, "should be a list; it is"),
        (names_for_parameters, "should be a list of parameters, and it holds the text"),
        (freezes, "The requires_grad of"),
    ],
    "17.3": [
        (NeedsGradients, "your answer raised"),
        (OneRate, "did not use this group's learning rate"),
        (RateOfTheStart, "did not use this group's learning rate"),
        (FirstGroupAlone, "The parameter did not move"),
        (Uphill, "against it"),
        (PlainSGD, "its sign alone counts"),
        (NearlySigns, "the sign of 1e-9 is 1"),
        (TwoSigns, "An element whose gradient is 0 moved up"),
        (InPlaceSign, "changed or cleared a gradient"),
        (Clears, "changed or cleared a gradient"),
        (Recorded, "your answer raised RuntimeError"),
        (IgnoresTheClosure, "did not call the closure"),
        (ForgetsTheLoss, "step(closure) returned None"),
        (ClosureWithoutGradients, "with gradients switched off"),
        (ClosureAfterwards, "The closure was called after the step"),
        (ClosureTwice, "called the closure 2 times"),
        (WithoutSuper, "has no param_groups"),
        (RebindsParameters, "The parameter did not move"),
        (a_function, "A subclass of torch.optim.Optimizer is asked for"),
    ],
    "17.4": [
        (LargePlainSteps, "the loss after 300 steps is countless times"),
        (SmallPlainSteps, "With all gradients multiplied by"),
        (ClippedSteps, "With all gradients multiplied by"),
        (TinySteps, "it should be below 0.01"),
        (LargeSigns, "it should be below 0.01"),
        (GoesUp, "On a bowl that is 1 times as steep"),
        (RateFromTheStart, "The group's lr was set to 0"),
        (NeedsRate, "your answer raised TypeError"),
        (OwnMemory, "The weight of a run that goes on from a saved state_dict"),
        (CountsItself, "The weight of a run that goes on from a saved state_dict"),
        (DividesTheGradient, "changed or cleared a gradient"),
        (ClearsGradients, "changed or cleared a gradient"),
        (ShrinksAll, "A parameter without a gradient has moved"),
        (RateOfTheFirstGroup, "read each group's own lr"),
        (OnlyTheFirstGroup, "go through all groups"),
        (ZerosForNone, "step gave a gradient to a parameter that had none"),
        (GoesOnWithoutAGradient, "by what is remembered of an earlier one"),
        (ForgetsNone, "your answer raised TypeError"),
        (MakesNewTensors, "The parameters did not move"),
        (WithoutGroups, "has no param_groups"),
        (makes_a_rule, "A subclass of torch.optim.Optimizer is asked for"),
    ],
}
