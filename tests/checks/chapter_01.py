"""Right and wrong answers to the exercises of chapter 01, and the hint that each must get."""

import numpy as np
import torch
from torch.nn import functional as F


def sum_of_two_ranges(n):
    return (torch.arange(n)[:, None] + torch.arange(n)[None]) % 2


def exclusive_or(n):
    odd = torch.arange(n) % 2 == 1
    return odd.unsqueeze(1) ^ odd


def strides(n):
    board = torch.zeros(n, n)
    board[::2, 1::2] = 1
    board[1::2, ::2] = 1
    return board


def numpy_indices(n):
    return torch.from_numpy(np.indices((n, n)).sum(axis=0) % 2)


def constant_along_rows(n):
    return torch.arange(n).expand(n, n) % 2


def constant_along_columns(n):
    return (torch.arange(n).unsqueeze(1) % 2).expand(n, n)


def inverted(n):
    index = torch.arange(n)
    return (index.unsqueeze(1) + index + 1) % 2


def product(n):
    return torch.outer(torch.arange(n), torch.arange(n)) % 2


def sums(n):
    return torch.arange(n).unsqueeze(1) + torch.arange(n)


def flat(n):
    return torch.arange(n * n) % 2


def alternating(n):
    return (torch.arange(n * n) % 2).reshape(n, n)


def always_eight(n):
    return (torch.arange(8).unsqueeze(1) + torch.arange(8)) % 2


def two_loops(n):
    board = torch.zeros(n, n)
    for row in range(n):
        for column in range(n):
            board[row, column] = (row + column) % 2
    return board


def comprehension(n):
    return torch.tensor([[(row + column) % 2 for column in range(n)] for row in range(n)])


def while_loop(n):
    board, row = torch.zeros(n, n), 0
    while row < n:
        board[row, (row + 1) % 2 :: 2] = 1
        row += 1
    return board


def a_field(row, column):
    return (row + column) % 2


def loop_in_a_helper(n):
    return a_board_of(n)


def a_board_of(n):
    return torch.tensor([list(map(lambda c: a_field(r, c), range(n))) for r in range(n)])


def an_array(n):
    return np.indices((n, n)).sum(axis=0) % 2


def adds_shapes_that_do_not_fit(n):
    return (torch.arange(n) + torch.arange(n + 1)) % 2


def sample(x):
    return (x - x.mean(dim=0)) / x.std(dim=0)


def population(x):
    return (x - x.mean(dim=0)) / x.std(dim=0, correction=0)


def by_hand(x):
    centred = x - x.sum(0) / len(x)
    return centred / (centred.square().sum(0) / (len(x) - 1)).sqrt()


def with_numpy(x):
    values = x.numpy()
    return torch.from_numpy((values - values.mean(axis=0)) / values.std(axis=0, ddof=1))


def batch_norm(x):
    return F.batch_norm(x, None, None, training=True)


def column_by_column(x):
    return torch.stack([(c - c.mean()) / c.std() for c in x.T], dim=1)


def on_a_clone(x):
    z = x.clone()
    z -= z.mean(0)
    z /= z.std(0)
    return z


def along_rows(x):
    return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)


def along_rows_of_n(x):
    return F.layer_norm(x, x.shape[1:])


def whole_table(x):
    return (x - x.mean()) / x.std()


def in_place(x):
    x -= x.mean(dim=0)
    x /= x.std(dim=0)
    return x


def only_centred(x):
    return x - x.mean(0)


def only_scaled(x):
    return x / x.std(0)


def by_variance(x):
    return (x - x.mean(0)) / x.var(0)


def between_0_and_1(x):
    low, high = x.amin(0), x.amax(0)
    return (x - low) / (high - low)


def without_parentheses(x):
    return x - x.mean(0) / x.std(0)


def no_return(x):
    x = (x - x.mean(0)) / x.std(0)


def as_a_list(x):
    return ((x - x.mean(0)) / x.std(0)).tolist()


def rows_do_not_broadcast(x):
    return (x - x.mean(1)) / x.std(1)


def storages(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def pointers_in_a_set(a, b):
    return len({t.untyped_storage().data_ptr() for t in (a, b)}) == 1


def old_storages(a, b):
    return a.storage().data_ptr() == b.storage().data_ptr()


def start_of_the_storage(a, b):
    def start(t):
        return t.data_ptr() - t.storage_offset() * t.element_size()

    return torch.tensor(start(a) == start(b))


def same_address(a, b):
    return a.data_ptr() == b.data_ptr()


def same_numbers(a, b):
    return a.shape == b.shape and torch.equal(a, b)


def same_object(a, b):
    return a is b


def overlap(a, b):
    return np.shares_memory(a.detach().numpy(), b.detach().numpy())


def same_base(a, b):
    return (a if a._base is None else a._base) is (b if b._base is None else b._base)


def any_view(a, b):
    return a is b or a.data_ptr() == b.data_ptr() or a._is_view() or b._is_view()


def near_address(a, b):
    return abs(a.data_ptr() - b.data_ptr()) < a.numel() * a.element_size()


def writes_and_looks(a, b):
    before = b.clone()
    a.add_(1)
    return not torch.equal(before, b)


def fills(a, b):
    a.detach().fill_(7)
    return storages(a, b)


def always_true(a, b):
    return True


def the_storage(a, b):
    return a.untyped_storage()


def broadcast(a, b):
    return (a[:, None] - b[None]).pow(2).sum(-1).sqrt()


def norm(a, b):
    return torch.linalg.vector_norm(a.unsqueeze(1) - b, dim=-1)


def expanded(a, b):
    squares = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
    return squares.clamp(min=0).sqrt()


def einsum(a, b):
    d = a[:, None] - b[None]
    return torch.einsum("nmd,nmd->nm", d, d) ** 0.5


def squared(a, b):
    return (a.unsqueeze(1) - b.unsqueeze(0)).square().sum(dim=-1)


def other_way_round(a, b):
    return (a.unsqueeze(0) - b.unsqueeze(1)).square().sum(dim=-1).sqrt()


def city_block(a, b):
    return (a.unsqueeze(1) - b.unsqueeze(0)).abs().sum(dim=-1)


def largest_difference(a, b):
    return (a.unsqueeze(1) - b.unsqueeze(0)).abs().amax(dim=-1)


def root_of_the_mean(a, b):
    return (a.unsqueeze(1) - b.unsqueeze(0)).square().mean(dim=-1).sqrt()


def sum_before_square(a, b):
    return (a.unsqueeze(1) - b.unsqueeze(0)).sum(dim=-1).square().sqrt()


def not_summed(a, b):
    return (a.unsqueeze(1) - b.unsqueeze(0)).square().sqrt()


def dot_products(a, b):
    return a @ b.T


def root_below_zero(a, b):
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T - 1e-6).sqrt()


def expanded_square(a, b):
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).sqrt()


def square_with_a_wrong_sign(a, b):
    return (a.square().sum(1)[:, None] - b.square().sum(1)).sqrt()


def with_cdist(a, b):
    return torch.cdist(a, b)


def loops(a, b):
    out = torch.zeros(len(a), len(b), dtype=a.dtype)
    for i in range(len(a)):
        for j in range(len(b)):
            out[i, j] = (a[i] - b[j]).square().sum().sqrt()
    return out


def stacked(a, b):
    return torch.stack([(b - point).norm(dim=1) for point in a])


def row_by_row(a, b):
    return (a - b).square().sum(dim=-1).sqrt()


class Strided:
    def __init__(self, numbers, rows, columns, stride=None, offset=0):
        self.numbers, self.shape = numbers, (rows, columns)
        self.stride, self.offset = stride or (columns, 1), offset

    def place(self, i, j):
        return self.offset + i * self.stride[0] + j * self.stride[1]

    def get(self, i, j):
        return self.numbers[self.place(i, j)]

    def set(self, i, j, value):
        self.numbers[self.place(i, j)] = value

    def t(self):
        rows, columns = self.shape
        return type(self)(self.numbers, columns, rows, self.stride[::-1], self.offset)

    def crop(self, top, left, rows, columns):
        return type(self)(self.numbers, rows, columns, self.stride, self.place(top, left))

    def read(self):
        rows, columns = self.shape
        return [self.get(i, j) for i in range(rows) for j in range(columns)]

    def contiguous(self):
        rows, columns = self.shape
        return self if self.stride == (columns, 1) else type(self)(self.read(), rows, columns)


class OfATensor:
    def __init__(self, numbers, rows, columns):
        self.x = torch.tensor(numbers).reshape(rows, columns)

    @property
    def shape(self):
        return self.x.shape

    def of(self, x):
        new = OfATensor([0], 1, 1)
        new.x = x
        return new

    def get(self, i, j):
        return self.x[i, j]

    def set(self, i, j, value):
        self.x[i, j] = value

    def t(self):
        return self.of(self.x.t())

    def crop(self, top, left, rows, columns):
        return self.of(self.x[top : top + rows, left : left + columns])

    def contiguous(self):
        return self.of(self.x.contiguous())


class OfPlaces:
    """Keeps the place of each element in a shared list."""

    def __init__(self, numbers, rows, columns, places=None):
        self.memory = numbers
        self.shape = [rows, columns]
        self.places = places or [list(range(i * columns, (i + 1) * columns)) for i in range(rows)]

    def get(self, i, j):
        return self.memory[self.places[i][j]]

    def set(self, i, j, value):
        self.memory[self.places[i][j]] = value

    def t(self):
        return OfPlaces(
            self.memory, *self.shape[::-1], list(map(list, zip(*self.places, strict=True)))
        )

    def crop(self, top, left, rows, columns):
        kept = [row[left : left + columns] for row in self.places[top : top + rows]]
        return OfPlaces(self.memory, rows, columns, kept)

    def contiguous(self):
        flat = [place for row in self.places for place in row]
        if flat == list(range(flat[0], flat[0] + len(flat))):
            return self
        return OfPlaces([self.memory[p] for p in flat], *self.shape)


class CopyingTranspose(Strided):
    def t(self):
        rows, columns = self.shape
        numbers = [self.get(i, j) for j in range(columns) for i in range(rows)]
        return type(self)(numbers, columns, rows)


class CopyingCrop(Strided):
    def crop(self, top, left, rows, columns):
        window = Strided(self.numbers, rows, columns, self.stride, self.place(top, left))
        return type(self)(window.read(), rows, columns)


class NoOffset(Strided):
    def crop(self, top, left, rows, columns):
        return type(self)(self.numbers, rows, columns, self.stride)


class OffsetForgotten(Strided):
    def t(self):
        rows, columns = self.shape
        return type(self)(self.numbers, columns, rows, self.stride[::-1])


class OffsetOfTheRows(Strided):
    def crop(self, top, left, rows, columns):
        offset = self.offset + top * self.shape[1] + left
        return type(self)(self.numbers, rows, columns, self.stride, offset)


class StrideOfTheShape(Strided):
    def crop(self, top, left, rows, columns):
        return type(self)(self.numbers, rows, columns, (columns, 1), self.place(top, left))


class ShapeNotExchanged(Strided):
    def t(self):
        return type(self)(self.numbers, *self.shape, self.stride[::-1], self.offset)


class NeverCopies(Strided):
    def contiguous(self):
        return self


class AlwaysCopies(Strided):
    def contiguous(self):
        return type(self)(self.read(), *self.shape)


class InPlaceTranspose(Strided):
    def t(self):
        self.shape, self.stride = self.shape[::-1], self.stride[::-1]
        return self


class SetReturnsACopy(Strided):
    def set(self, i, j, value):
        changed = list(self.numbers)
        changed[self.place(i, j)] = value
        self.numbers = changed


class CopiesMemoryOrder(Strided):
    def contiguous(self):
        rows, columns = self.shape
        if self.stride == (columns, 1):
            return self
        return type(self)(self.numbers[: rows * columns], rows, columns)


class NothingToSee(Strided):
    def crop(self, top, left, rows, columns):
        super().crop(top, left, rows, columns)


class NoShape(Strided):
    def __getattribute__(self, name):
        if name == "shape":
            raise AttributeError(name)
        return super().__getattribute__(name)


def tensor_of_rows(numbers, rows, columns):
    return torch.tensor(numbers).reshape(rows, columns)


RIGHT = {
    "01.1": [sum_of_two_ranges, exclusive_or, strides, numpy_indices],
    "01.2": [
        *(sample, population, by_hand, with_numpy, batch_norm, column_by_column),
        on_a_clone,
    ],
    "01.3": [storages, pointers_in_a_set, old_storages, start_of_the_storage],
    "01.4": [broadcast, norm, expanded, einsum],
    "01.5": [Strided, OfATensor, OfPlaces],
}

WRONG = {
    "01.1": [
        (constant_along_rows, "All rows are alike"),
        (constant_along_columns, "Each row has a single number"),
        (inverted, "The colours are exchanged"),
        (product, "add them, do not multiply"),
        (sums, "% 2 tells even from odd"),
        (flat, "checkerboard(2) has shape (4,), and (2, 2) is asked for"),
        (alternating, "All rows are alike"),
        (always_eight, "has shape (8, 8), and (2, 2) is asked for"),
        (two_loops, "there is a loop in the code"),
        (comprehension, "there is a loop in the code"),
        (while_loop, "there is a loop in the code"),
        (loop_in_a_helper, "there is a loop in the code"),
        (an_array, "should be a torch.Tensor, and it is an int64 NumPy array of shape (2, 2)"),
        (adds_shapes_that_do_not_fit, "`return (torch.arange(n) + torch.arange(n + 1)) % 2` for 2"),
    ],
    "01.2": [
        (along_rows, "but each column should"),
        (along_rows_of_n, "but each column should"),
        (whole_table, "One mean and one spread were used"),
        (in_place, "The numbers in the argument x have changed"),
        (only_centred, "the spreads are not 1"),
        (only_scaled, "the means are not 0"),
        (by_variance, "divided by the variance"),
        (between_0_and_1, "by minimum and maximum"),
        (without_parentheses, "needs its parentheses"),
        (no_return, "Does it end with a return statement?"),
        (as_a_list, "should be a torch.Tensor, and it is a list of 6"),
        (rows_do_not_broadcast, "for a tensor of shape (6, 3)"),
    ],
    "01.3": [
        (same_address, "compare storages"),
        (same_numbers, "the same numbers in another shape"),
        (same_object, "the same numbers in another shape"),
        (overlap, "though they share no element"),
        (same_base, "x.data is another tensor on the same storage"),
        (any_view, "views of two tensors have two storages"),
        (near_address, "they share no element"),
        (writes_and_looks, "an in-place operation is at work"),
        (fills, "an in-place operation is at work"),
        (always_true, "a clone has memory of its own"),
        (the_storage, "should be True or False, and it is an object of type UntypedStorage"),
    ],
    "01.4": [
        (squared, "take the square root"),
        (other_way_round, "The table is transposed"),
        (city_block, "Absolute differences were added"),
        (largest_difference, "The largest difference alone"),
        (root_of_the_mean, "the distance needs their sum"),
        (sum_before_square, "square first"),
        (not_summed, "sum over it"),
        (dot_products, "subtract before you multiply"),
        (root_below_zero, "clamp at 0 before the root"),
        (expanded_square, "The distance of a point to itself is nan"),
        (square_with_a_wrong_sign, "the root of a number below 0"),
        (with_cdist, "cdist computed them"),
        (loops, "there is a loop in the code"),
        (stacked, "there is a loop in the code"),
        (row_by_row, "for a tensor of shape (5, 3), a tensor of shape (4, 3))"),
    ],
    "01.5": [
        (CopyingTranspose, ".t().get(0, 3), after set(3, 0, …) in Table(numbers, 4, 5)"),
        (CopyingCrop, "after set("),
        (NoOffset, ".crop(1, 1, 2, 3).get(0, 0) is 0, and it should be 60"),
        (OffsetForgotten, ".crop(0, 2, 4, 3).t().get(0, 0)"),
        (OffsetOfTheRows, ".t().crop(2, 1, 2, 3).get(0, 0)"),
        (StrideOfTheShape, ".crop(1, 1, 2, 3).get(1, 0)"),
        (ShapeNotExchanged, ".t().shape is (4, 5), and it should be (5, 4)"),
        (NeverCopies, ".t().contiguous()"),
        (AlwaysCopies, "Table(numbers, 4, 5).contiguous().get(3, 0), after set("),
        (InPlaceTranspose, "Table(numbers, 4, 5).shape is (5, 4)"),
        (SetReturnsACopy, "after set("),
        (CopiesMemoryOrder, ".t().contiguous().get("),
        (NothingToSee, "Does it end with a return statement?"),
        (NoShape, "should have an attribute shape"),
        (tensor_of_rows, "A class is asked for"),
    ],
}
