/* The inner loops of kernels.py, compiled: same answers, fewer passes over memory.

   Built by native.py with the user's own compiler, if there is one; needs nothing but the C library. Callers see to it
   that types and lengths are right. Sets are little-endian words of 64 bits; ordinals are ascending. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 512 /* words, 4 KB: the whole stack stays in the first-level cache */
#define DEPTH 16
#define ROWS 4096

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

/* Whether any row (a value and a date) of each donor has low <= value <= high and since <= date <= until. */
void talka_measured(const uint32_t *ids, int64_t count, const int32_t *starts, const int16_t (*rows)[2], int32_t low,
                    int32_t high, int32_t since, int32_t until, uint8_t *out) {
    for (int64_t i = 0; i < count; i++) {
        if (i + 32 < count)
            __builtin_prefetch(&starts[ids[i + 32]]);
        if (i + 16 < count)
            __builtin_prefetch(&rows[starts[ids[i + 16]]]);
        uint8_t found = 0;
        for (int32_t row = starts[ids[i]]; row < starts[ids[i] + 1]; row++)
            if (rows[row][0] >= low && rows[row][0] <= high && rows[row][1] >= since && rows[row][1] <= until) {
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

/* Counts the specimens of these donors that are permitted, collected from since until until, and of wanted codes (as in
   talka_specimens) by cell: that of a specimen is the sum of what its tables say of its codes and of its donor's. With
   `seen` (a zero per cell) each donor counts once in a cell. */
void talka_cells(const uint32_t *ids, int64_t count, const int32_t *starts, const uint8_t *ok, const int16_t *collected,
                 int32_t since, int32_t until, const int8_t *const *columns, const uint8_t *const *wanted, int32_t many,
                 const int8_t *const *axes, const int32_t *const *tables, int32_t sides, const uint8_t *donor,
                 const int32_t *of_donor, int32_t *seen, int32_t *counts) {
    for (int64_t i = 0; i < count; i++) {
        if (i + 16 < count)
            __builtin_prefetch(&starts[ids[i + 16]]);
        if (i + 8 < count) {
            __builtin_prefetch(&ok[starts[ids[i + 8]]]);
            __builtin_prefetch(&collected[starts[ids[i + 8]]]);
        }
        int32_t base = of_donor[donor[ids[i]]];
        for (int32_t row = starts[ids[i]]; row < starts[ids[i] + 1]; row++) {
            if (!ok[row] || collected[row] < since || collected[row] > until)
                continue;
            int32_t c = 0, cell = base;
            while (c < many && wanted[c][(uint8_t)columns[c][row]])
                c++;
            if (c < many)
                continue;
            for (int32_t side = 0; side < sides; side++)
                cell += tables[side][(uint8_t)axes[side][row]];
            if (seen) {
                if (seen[cell] == i + 1)
                    continue;
                seen[cell] = (int32_t)(i + 1);
            }
            counts[cell]++;
        }
    }
}

/* Whether any of `count` bits from bit `from` on is set; eight bytes behind them may be read too. */
static int any(const uint8_t *bits, int64_t from, int64_t count) {
    uint64_t some;
    for (; count > 56; from += 56, count -= 56) {
        memcpy(&some, bits + (from >> 3), 8);
        if (some >> (from & 7) & ((1ULL << 56) - 1))
            return 1;
    }
    memcpy(&some, bits + (from >> 3), 8);
    return (some >> (from & 7) & ((1ULL << count) - 1)) != 0;
}

/* Sets in `out` the donor of every pair that has a date since <= on <= until, or, if `on` is NULL, such a date in a row
   with low <= value <= high. The rows of pair p are those from starts[p] to starts[p + 1]. */
void talka_scan(const int32_t *donor, const int32_t *starts, int64_t pairs, const int16_t (*row)[2], const int16_t *on,
                int16_t low, int16_t high, int16_t since, int16_t until, uint64_t *out) {
    uint8_t fits[ROWS + 8] = {0}, mask[ROWS / 8 + 8] = {0};
    int64_t word = 0;
    uint64_t bits = 0;
    for (int64_t pair = 0; pair < pairs;) {
        int64_t base = starts[pair], end = pair + ROWS / 4 < pairs ? pair + ROWS / 4 : pairs;
        while (end > pair + 1 && starts[end] - base > ROWS)
            end = pair + (end - pair) / 2;
        int64_t rows = starts[end] - base;
        int found = 0;
        /* More than one pass only for a donor with more rows than there is room for. */
        for (int64_t from = 0; from < rows; from += ROWS) {
            int64_t length = rows - from < ROWS ? rows - from : ROWS;
            if (on)
                for (int64_t i = 0; i < length; i++) {
                    int16_t day = on[base + from + i];
                    fits[i] = (day >= since) & (day <= until);
                }
            else
                for (int64_t i = 0; i < length; i++) {
                    const int16_t *each = row[base + from + i];
                    fits[i] = (each[0] >= low) & (each[0] <= high) & (each[1] >= since) & (each[1] <= until);
                }
            for (int64_t i = 0; i < length; i += 8) { /* eight bytes of 0 or 1 become eight bits */
                uint64_t eight;
                memcpy(&eight, fits + i, 8);
                mask[i >> 3] = (uint8_t)(eight * 0x0102040810204080ULL >> 56);
            }
            if (rows > ROWS)
                found |= any(mask, 0, length);
        }
        for (; pair < end; pair++) {
            if (rows <= ROWS)
                found = any(mask, starts[pair] - base, starts[pair + 1] - starts[pair]);
            if (donor[pair] >> 6 != word) {
                out[word] |= bits;
                word = donor[pair] >> 6;
                bits = 0;
            }
            bits |= (uint64_t)found << (donor[pair] & 63);
        }
    }
    if (bits)
        out[word] |= bits;
}

/* The same for rows since <= on <= until whose days since birth lie in sure[0] <= days < sure[1]. Where no row of a pair
   does but some lie in may[0] <= days < may[1], those rows and their pairs are told: how many is returned. */
int64_t talka_aged(const int32_t *donor, const int32_t *starts, int64_t pairs, const int16_t *on, const int32_t *born,
                   int32_t unborn, int32_t since, int32_t until, const int32_t *sure, const int32_t *may, uint64_t *out,
                   int32_t *told_pair, int32_t *told_row) {
    int64_t told = 0;
    for (int64_t pair = 0; pair < pairs; pair++) {
        int32_t birth = born[donor[pair]];
        int64_t before = told;
        if (birth == unborn)
            continue;
        for (int32_t row = starts[pair]; row < starts[pair + 1]; row++) {
            int32_t lived = on[row] - birth;
            if (on[row] < since || on[row] > until || lived < may[0] || lived >= may[1])
                continue;
            if (lived >= sure[0] && lived < sure[1]) {
                out[donor[pair] >> 6] |= 1ULL << (donor[pair] & 63);
                told = before;
                break;
            }
            told_pair[told] = (int32_t)pair;
            told_row[told++] = row;
        }
    }
    return told;
}

/* Where each donor stands among those of a set, whose bits before each word `before` counts; -1: is not in it. */
void talka_places(const uint64_t *words, const int32_t *before, const uint32_t *ids, int64_t count, int32_t *out) {
    for (int64_t i = 0; i < count; i++) {
        uint64_t word = words[ids[i] >> 6], bit = 1ULL << (ids[i] & 63);
        int32_t place = before[ids[i] >> 6] + (int32_t)__builtin_popcountll(word & (bit - 1));
        out[i] = word & bit ? place : -1;
    }
}

/* Whether some event of each donor lies `low` to `high` days after some anchor (with `first`: after the first one).
   Rows of a donor are in order of date; those not between days[0] and days[1] are none. */
void talka_apart(int64_t count, const int32_t *event_begin, const int32_t *event_count, const int16_t *event,
                 const int32_t *event_days, const int32_t *anchor_begin, const int32_t *anchor_count,
                 const int16_t *anchor, const int32_t *anchor_days, int32_t low, int32_t high, int32_t first,
                 uint8_t *out) {
    for (int64_t i = 0; i < count; i++) {
        if (i + 8 < count) {
            __builtin_prefetch(&event[event_begin[i + 8]]);
            __builtin_prefetch(&anchor[anchor_begin[i + 8]]);
        }
        const int16_t *e = event + event_begin[i], *e_end = e + event_count[i];
        const int16_t *a = anchor + anchor_begin[i], *a_end = a + anchor_count[i];
        uint8_t found = 0;
        while (e < e_end && *e < event_days[0])
            e++;
        while (a < a_end && *a < anchor_days[0])
            a++;
        for (; a < a_end && *a <= anchor_days[1]; a++) {
            while (e < e_end && *e < *a + low)
                e++;
            if (e == e_end || *e > event_days[1])
                break;
            if (*e <= *a + high) {
                found = 1;
                break;
            }
            if (first)
                break;
        }
        out[i] = found;
    }
}
