"""Chapter 01."""

import numpy as np
import torch


def r1(n):
    i = torch.arange(n)
    return (i[:, None] + i[None]) % 2


def r2(size):
    return torch.from_numpy(np.indices((size, size)).sum(0) % 2)


def r3(n):
    g = torch.cartesian_prod(torch.arange(n), torch.arange(n)).sum(-1)
    return g.reshape(n, n).remainder(2).float()


def r4(n):
    b = torch.zeros(n, n)
    b[::2, 1::2] = 1
    b[1::2, ::2] = 1
    return b


def w_flat_parity(n):
    return torch.arange(n * n).reshape(n, n) % 2


def w_inverted(n):
    i = torch.arange(n)
    return 1 - (i[:, None] + i) % 2


def w_stripes(n):
    return (torch.arange(n) % 2).repeat(n, 1)


def w_loop(n):
    b = torch.zeros(n, n)
    for i in range(n):
        for j in range(n):
            b[i, j] = (i + j) % 2
    return b


def w_fixed(n):
    i = torch.arange(8)
    return (i[:, None] + i) % 2


def w_product(n):
    i = torch.arange(n)
    return i[:, None] * i % 2


def w_sign(n):
    i = torch.arange(n)
    return (-1.0) ** (i[:, None] + i)


def w_none(n):
    i = torch.arange(n)
    (i[:, None] + i) % 2


def s1(x):
    return (x - x.mean(dim=0)) / x.std(dim=0)


def s2(x):
    v, m = torch.var_mean(x, 0, correction=0)
    return (x - m) * v.rsqrt()


def s3(x):
    c = x - x.sum(0) / len(x)
    return c / (c.pow(2).sum(0) / (len(x) - 1)).sqrt()


def s4(table):
    return torch.stack([(c - c.mean()) / c.std() for c in table.T], dim=1)


def wx_rows(x):
    return ((x.T - x.mean(1)) / x.std(1)).T


def wx_all(x):
    return (x - x.mean()) / x.std()


def wx_var(x):
    return (x - x.mean(0)) / x.var(0)


def wx_nomean(x):
    return x / x.std(0)


def wx_nostd(x):
    return x - x.mean(0)


def wx_inplace(x):
    x -= x.mean(0)
    return x / x.std(0)


def wx_minmax(x):
    return (x - x.min(0).values) / (x.max(0).values - x.min(0).values)


def wx_eps(x):
    return (x - x.mean(0)) / (x.std(0) + 0.1)


def wx_transposed(x):
    return ((x - x.mean(0)) / x.std(0)).T


def wx_median(x):
    return (x - x.median(0).values) / x.std(0)


def m1(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def m2(a, b):
    return torch.equal(
        torch.tensor(a.untyped_storage().data_ptr()), torch.tensor(b.untyped_storage().data_ptr())
    )


def m3(p, q):
    return (
        p.untyped_storage()._cdata == q.untyped_storage()._cdata
        or p.storage().data_ptr() == q.storage().data_ptr()
    )


def m4(a, b):
    return torch.as_tensor(a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr())


def wm_ptr(a, b):
    return a.data_ptr() == b.data_ptr()


def wm_is(a, b):
    return a is b


def wm_equal(a, b):
    return a.numel() == b.numel() and torch.equal(a.flatten(), b.flatten())


def wm_write(a, b):
    before = b.clone()
    a.view(-1)[0] += 1 if a.is_contiguous() else 0
    return not torch.equal(before, b)


def wm_not(a, b):
    return a.untyped_storage().data_ptr() != b.untyped_storage().data_ptr()


def wm_size(a, b):
    return a.untyped_storage().nbytes() == b.untyped_storage().nbytes()


def wm_true(a, b):
    return True


def wm_overlap(a, b):
    return np.shares_memory(a.numpy(), b.numpy())


def d1(a, b):
    return (a[:, None] - b[None]).norm(dim=2)


def d2(a, b):
    return torch.linalg.vector_norm(a.unsqueeze(1) - b, dim=-1)


def d3(x, y):
    return torch.sqrt(torch.einsum("nmd,nmd->nm", x[:, None] - y, x[:, None] - y))


def d4(a, b):
    return torch.vmap(lambda p: ((p - b) ** 2).sum(-1).sqrt())(a)


def wd_sq(a, b):
    return ((a[:, None] - b) ** 2).sum(-1)


def wd_l1(a, b):
    return (a[:, None] - b).abs().sum(-1)


def wd_t(a, b):
    return (b[:, None] - a).norm(dim=-1)


def wd_cdist(a, b):
    return torch.cdist(a, b)


def wd_loop(a, b):
    return torch.stack([torch.stack([(p - q).norm() for q in b]) for p in a])


def wd_mean(a, b):
    return ((a[:, None] - b) ** 2).mean(-1).sqrt()


def wd_max(a, b):
    return (a[:, None] - b).abs().amax(-1)


def wd_nan(a, b):
    return torch.sqrt((a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T - 0.001)


def wd_dim(a, b):
    return (a[:, None] - b).norm(dim=1)


class T1:
    def __init__(self, numbers, rows, columns):
        self.data, self.shape = list(numbers), (rows, columns)
        self.where = lambda i, j: i * columns + j

    def _window(self, shape, where):
        w = T1.__new__(type(self))
        w.data, w.shape, w.where = self.data, shape, where
        return w

    def get(self, i, j):
        return self.data[self.where(i, j)]

    def set(self, i, j, value):
        self.data[self.where(i, j)] = value

    def t(self):
        f = self.where
        return self._window(self.shape[::-1], lambda i, j: f(j, i))

    def crop(self, top, left, rows, columns):
        f = self.where
        return self._window((rows, columns), lambda i, j: f(top + i, left + j))

    def contiguous(self):
        m, n = self.shape
        places = [self.where(i, j) for i in range(m) for j in range(n)]
        if all(b - a == 1 for a, b in zip(places, places[1:], strict=False)):
            return self
        return T1([self.data[p] for p in places], m, n)


class T2:
    """Cells that hold one number each, shared by the windows."""

    def __init__(self, numbers, rows, columns):
        flat = [[x] for x in numbers]
        self.rows = [flat[i * columns : (i + 1) * columns] for i in range(rows)]
        self.memory = [id(c) for c in flat]

    @property
    def shape(self):
        return len(self.rows), len(self.rows[0])

    def _of(self, rows):
        new = T2([], 0, 0)
        new.rows, new.memory, new.owner = rows, self.memory, self
        return new

    def get(self, i, j):
        return self.rows[i][j][0]

    def set(self, i, j, value):
        self.rows[i][j][0] = value

    def t(self):
        return self._of([list(r) for r in zip(*self.rows, strict=True)])

    def crop(self, top, left, rows, columns):
        return self._of([r[left : left + columns] for r in self.rows[top : top + rows]])

    def contiguous(self):
        cells = [c for r in self.rows for c in r]
        start = self.memory.index(id(cells[0]))
        if [id(c) for c in cells] == self.memory[start : start + len(cells)]:
            return self
        return T2([c[0] for c in cells], *self.shape)


class T3:
    def __init__(self, numbers, rows, columns):
        self.a = np.array(numbers).reshape(rows, columns)

    shape = property(lambda self: self.a.shape)

    def _of(self, a):
        new = T3([0], 1, 1)
        new.a = a
        return new

    def get(self, i, j):
        return self.a[i, j]

    def set(self, i, j, value):
        self.a[i, j] = value

    def t(self):
        return self._of(self.a.T)

    def crop(self, top, left, rows, columns):
        return self._of(self.a[top : top + rows, left : left + columns])

    def contiguous(self):
        return self._of(np.ascontiguousarray(self.a))


class WT1(T3):
    def t(self):
        return self._of(self.a.T.copy())


class WT2(T3):
    def crop(self, top, left, rows, columns):
        return self._of(self.a[top : top + rows, left : left + columns].copy())


class WT3(T3):
    def _of(self, a):
        new = WT3([0], 1, 1)
        new.a = a
        return new

    def contiguous(self):
        return self._of(self.a.copy())


class WT4(T3):
    def _of(self, a):
        new = WT4([0], 1, 1)
        new.a = a
        return new

    def contiguous(self):
        return self._of(self.a)


class WT5(T3):
    def t(self):
        return self._of(self.a.reshape(self.a.shape[::-1]))


class WT6(T3):
    def crop(self, top, left, rows, columns):
        return self._of(self.a[top:rows, left:columns])


class WT7(T3):
    def __init__(self, numbers, rows, columns):
        self.a = np.array(numbers).reshape(columns, rows).T


class WT8(T3):
    def get(self, i, j):
        return self.a[j, i]


RIGHT = {
    "01.1": [r1, r2, r3, r4],
    "01.2": [s1, s2, s3, s4],
    "01.3": [m1, m2, m3, m4],
    "01.4": [d1, d2, d3, d4],
    "01.5": [T1, T2, T3],
}
WRONG = {
    "01.1": [w_flat_parity, w_inverted, w_stripes, w_loop, w_fixed, w_product, w_sign, w_none],
    "01.2": [
        wx_rows,
        wx_all,
        wx_var,
        wx_nomean,
        wx_nostd,
        wx_inplace,
        wx_minmax,
        wx_eps,
        wx_transposed,
        wx_median,
    ],
    "01.3": [wm_ptr, wm_is, wm_equal, wm_write, wm_not, wm_size, wm_true, wm_overlap],
    "01.4": [wd_sq, wd_l1, wd_t, wd_cdist, wd_loop, wd_mean, wd_max, wd_nan, wd_dim],
    "01.5": [WT1, WT2, WT3, WT4, WT5, WT6, WT7, WT8],
}
