/* The inner loops of kernels.py, compiled: same answers, fewer passes over memory.

   Built by native.py with the user's own compiler, if there is one; needs nothing but the C library. Callers see to it
   that types and lengths are right. Sets are little-endian words of 64 bits; ordinals are ascending. */

#include <stddef.h>
#include <stdint.h>

#define BLOCK 512 /* words, 4 KB: the whole stack stays in the first-level cache */
#define DEPTH 16

enum { AND = -1, OR = -2, AND_NOT = -3 };

static int64_t popcount(const uint64_t *words, int64_t count) {
    int64_t a = 0, b = 0, c = 0, d = 0, i = 0;
    for (; i + 4 <= count; i += 4) {
        a += __builtin_popcountll(words[i]);
        b += __builtin_popcountll(words[i + 1]);
        c += __builtin_popcountll(words[i + 2]);
        d += __builtin_popcountll(words[i + 3]);
    }
    for (; i < count; i++)
        a += __builtin_popcountll(words[i]);
    return a + b + c + d;
}

/* Bits from `low` up to, not including, `high` of a block. */
static int64_t between(const uint64_t *words, int64_t low, int64_t high) {
    if (low >= high)
        return 0;
    int64_t first = low >> 6, last = (high - 1) >> 6;
    uint64_t head = ~0ULL << (low & 63), tail = ~0ULL >> (63 - ((high - 1) & 63));
    if (first == last)
        return __builtin_popcountll(words[first] & head & tail);
    return __builtin_popcountll(words[first] & head) + popcount(words + first + 1, last - first - 1) +
           __builtin_popcountll(words[last] & tail);
}

/* Runs a program in postfix order: a step >= 0 pushes that operand, the others join the two on top. The result goes to
   `out` unless it is NULL. With cuts (ascending bit numbers), counts[i] is how many bits lie in [cuts[i], cuts[i + 1]);
   returned is how many there are in all, or 0 if there is an `out` and no cuts. -1: the program is too deep. */
int64_t talka_run(const uint64_t *const *operands, const int32_t *steps, int32_t many, int64_t words, uint64_t *out,
                  const int64_t *cuts, int32_t ends, int64_t *counts) {
    static const int64_t none = -1;
    uint64_t room[DEPTH][BLOCK];
    const uint64_t *stack[DEPTH];
    int64_t total = 0;
    int32_t cell = 0;
    for (int64_t start = 0; start < words; start += BLOCK) {
        int64_t length = words - start < BLOCK ? words - start : BLOCK;
        int top = 0;
        for (int32_t at = 0; at < many; at++) {
            if (steps[at] >= 0) {
                if (top == DEPTH)
                    return none;
                stack[top++] = operands[steps[at]] + start;
                continue;
            }
            const uint64_t *left = stack[top - 2], *right = stack[top - 1];
            uint64_t *to = out && at == many - 1 ? out + start : room[top - 2];
            if (steps[at] == AND)
                for (int64_t i = 0; i < length; i++)
                    to[i] = left[i] & right[i];
            else if (steps[at] == OR)
                for (int64_t i = 0; i < length; i++)
                    to[i] = left[i] | right[i];
            else
                for (int64_t i = 0; i < length; i++)
                    to[i] = left[i] & ~right[i];
            stack[--top - 1] = to;
        }
        const uint64_t *found = stack[0];
        if (!ends) {
            if (!out)
                total += popcount(found, length);
            continue;
        }
        int64_t here = start << 6, end = (start + length) << 6;
        while (cell + 1 < ends) {
            int64_t low = cuts[cell] > here ? cuts[cell] : here, high = cuts[cell + 1] < end ? cuts[cell + 1] : end;
            int64_t n = between(found, low - here, high - here);
            counts[cell] += n;
            total += n;
            if (cuts[cell + 1] > end)
                break;
            cell++;
        }
    }
    return total;
}

/* Numbers of the bits that are set; `out` has room for all of them. */
int64_t talka_ids(const uint64_t *words, int64_t count, uint32_t *out) {
    uint32_t *to = out;
    for (int64_t i = 0; i < count; i++)
        for (uint64_t word = words[i]; word; word &= word - 1)
            *to++ = (uint32_t)(i << 6) + (uint32_t)__builtin_ctzll(word);
    return to - out;
}

/* Whether any row of each donor has low <= value <= high and since <= on <= until. */
void talka_measured(const uint32_t *ids, int64_t count, const int32_t *starts, const int16_t *value, const int16_t *on,
                    int32_t low, int32_t high, int32_t since, int32_t until, uint8_t *out) {
    for (int64_t i = 0; i < count; i++) {
        if (i + 16 < count)
            __builtin_prefetch(&starts[ids[i + 16]]);
        if (i + 8 < count) {
            __builtin_prefetch(&value[starts[ids[i + 8]]]);
            __builtin_prefetch(&on[starts[ids[i + 8]]]);
        }
        uint8_t found = 0;
        for (int32_t row = starts[ids[i]]; row < starts[ids[i] + 1]; row++)
            if (value[row] >= low && value[row] <= high && on[row] >= since && on[row] <= until) {
                found = 1;
                break;
            }
        out[i] = found;
    }
}

/* Whether any specimen of each donor is permitted, collected from since until until, and of wanted codes: column c is
   asked of its table of 256 unless that is NULL. */
void talka_specimens(const uint32_t *ids, int64_t count, const int32_t *starts, const uint8_t *ok,
                     const int16_t *collected, int32_t since, int32_t until, const int8_t *const *columns,
                     const uint8_t *const *wanted, int32_t many, uint8_t *out) {
    for (int64_t i = 0; i < count; i++) {
        if (i + 16 < count)
            __builtin_prefetch(&starts[ids[i + 16]]);
        if (i + 8 < count) {
            __builtin_prefetch(&ok[starts[ids[i + 8]]]);
            __builtin_prefetch(&collected[starts[ids[i + 8]]]);
        }
        uint8_t found = 0;
        for (int32_t row = starts[ids[i]]; row < starts[ids[i] + 1]; row++) {
            if (!ok[row] || collected[row] < since || collected[row] > until)
                continue;
            int32_t c = 0;
            while (c < many && wanted[c][(uint8_t)columns[c][row]])
                c++;
            if (c == many) {
                found = 1;
                break;
            }
        }
        out[i] = found;
    }
}
