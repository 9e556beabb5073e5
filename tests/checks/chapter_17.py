"""Typical wrong answers to the exercises of chapter 17, and the hint that each must get."""

import torch
from torch import optim


def averages(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    divided = g / (s["v"].sqrt() + eps)
    s["b"] = divided if "b" not in s else momentum * s["b"] + (1 - momentum) * divided
    return w - lr * s["b"]


def forgets(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    v = (1 - alpha) * g**2
    return w - lr * g / (v.sqrt() + eps)


def no_root(w, g, s, lr, alpha=0.99, momentum=0.9, eps=1e-8):
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g**2
    s["b"] = momentum * s.get("b", 0) + g / (s["v"] + eps)
    return w - lr * s["b"]


def four_groups(model, lr, head, head_lr, weight_decay):
    inside = {id(p) for p in head.parameters()}
    return [
        {
            "params": [
                p for p in model.parameters() if (id(p) in inside) == h and (p.ndim > 1) == m
            ],
            "lr": head_lr if h else lr,
            "weight_decay": weight_decay if m else 0.0,
        }
        for h in (True, False)
        for m in (True, False)
    ]


def head_twice(model, lr, head, head_lr, weight_decay):
    trained = [p for p in model.parameters() if p.requires_grad]
    return [{"params": trained, "lr": lr}, {"params": list(head.parameters()), "lr": head_lr}]


def decays_all(model, lr, head, head_lr, weight_decay):
    inside = {id(p) for p in head.parameters()}
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if id(p) in inside], "lr": head_lr},
        {"params": [p for p in trained if id(p) not in inside], "lr": lr},
    ]


class NeedsGradients(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad.sign())


class OneRate(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(self.defaults["lr"] * p.grad.sign())


class Uphill(optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(group["lr"] * p.grad.sign())


class WithGraph(NeedsGradients):
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad.sign())


WRONG = {
    "17.1": [
        (averages, "without 1 - momentum"),
        (forgets, "must be kept in it"),
        (no_root, "The first step differs"),
    ],
    "17.2": [
        (four_groups, "requires no gradient"),
        (head_twice, "more than one group"),
        (decays_all, "weight decay 7.0"),
    ],
    "17.3": [
        (NeedsGradients, "whose grad is None"),
        (OneRate, "read group['lr']"),
        (Uphill, "along the gradient"),
        (WithGraph, "torch.no_grad()"),
    ],
}
