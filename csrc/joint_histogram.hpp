// The joint grey-level histograms of a few pairs of images at a time.
//
// Several pairs are counted side by side: neighbouring pixels of one pair often fall into one
// cell, and a count that was just written is slow to read back; pairs take turns instead.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "entropy_terms.hpp"
#include "instruction_set.hpp"

namespace miua {

struct ImagePair {
    const std::uint8_t *a, *b;
};

namespace detail {

constexpr std::ptrdiff_t pixel_block = 1024;

// The cells that a block of pixels falls into: bin of a * bins + bin of b.
struct Cells {
    static MIUA_INLINE void run(ImagePair pair, std::ptrdiff_t start, std::ptrdiff_t length,
                                std::uint16_t bins, std::uint16_t* cells) {
        const std::uint8_t *a = pair.a + start, *b = pair.b + start;
        for (std::ptrdiff_t i = 0; i < length; ++i) {
            const auto row =
                static_cast<std::uint16_t>(static_cast<std::uint16_t>(a[i] * bins) >> 8);
            const auto column =
                static_cast<std::uint16_t>(static_cast<std::uint16_t>(b[i] * bins) >> 8);
            cells[i] = static_cast<std::uint16_t>(row * bins + column);
        }
    }
};

}  // namespace detail

// Count: std::uint16_t where no cell can hold more than 65535 pixels, else std::uint32_t.
template <class Count>
class JointHistograms {
  public:
    static constexpr std::size_t lanes = 4;  // pairs side by side, at most

    JointHistograms(std::ptrdiff_t pixels, int bins, InstructionSet set)
        : pixels_(pixels),
          bins_(bins),
          cells_(static_cast<std::ptrdiff_t>(bins) * bins),
          lane_size_((cells_ + 7) / 8 * 8),
          set_(set),
          counts_(lanes * static_cast<std::size_t>(lane_size_)) {}

    // Add `Pairs` pairs to the lanes from 0 on.
    template <std::size_t Pairs>
    void add(const std::array<ImagePair, Pairs>& pairs) {
        each_block(pairs, [this](const auto& cells, std::ptrdiff_t length) {
            std::array<Count*, Pairs> counts;
            for (std::size_t k = 0; k < Pairs; ++k) counts[k] = writable_lane(k);
            for (std::ptrdiff_t i = 0; i < length; ++i)
                for (std::size_t k = 0; k < Pairs; ++k) ++counts[k][cells[k][i]];
        });
    }

    // Add the pairs, return their sums of entropy terms, and leave all counts at zero again.
    template <std::size_t Pairs>
    std::array<std::int64_t, Pairs> sums(const std::array<ImagePair, Pairs>& pairs,
                                         const EntropyTerms& terms) {
        add(pairs);
        return cells_ > 2 * pixels_ ? drained(pairs, terms) : swept(pairs, terms);
    }

    const Count* lane(std::size_t k) const { return counts_.data() + offset(k); }
    std::ptrdiff_t cells() const { return cells_; }
    void clear() { std::fill(counts_.begin(), counts_.end(), Count{0}); }

  private:
    std::ptrdiff_t offset(std::size_t k) const {
        return static_cast<std::ptrdiff_t>(k) * lane_size_;
    }
    Count* writable_lane(std::size_t k) { return counts_.data() + offset(k); }

    // Call work(cells, length) with the cells of all pairs, block by block.
    template <std::size_t Pairs, class Work>
    void each_block(const std::array<ImagePair, Pairs>& pairs, const Work& work) {
        std::array<std::array<std::uint16_t, detail::pixel_block>, Pairs> cells;
        for (std::ptrdiff_t start = 0; start < pixels_; start += detail::pixel_block) {
            const std::ptrdiff_t length = std::min(detail::pixel_block, pixels_ - start);
            for (std::size_t k = 0; k < Pairs; ++k)
                run<detail::Cells>(set_, pairs[k], start, length, static_cast<std::uint16_t>(bins_),
                                   cells[k].data());
            work(cells, length);
        }
    }

    static std::int64_t term(const EntropyTerms& terms, const std::int64_t* table, Count n) {
        if constexpr (sizeof(Count) == 2)
            return table[n];
        else
            return terms(n);
    }

    // Few cells: look at each of them, eight at a time as most are empty.
    template <std::size_t Pairs>
    std::array<std::int64_t, Pairs> swept(const std::array<ImagePair, Pairs>&,
                                          const EntropyTerms& terms) {
        const std::int64_t* table = terms.table();
        std::array<std::int64_t, Pairs> sums{};
        for (std::size_t k = 0; k < Pairs; ++k) {
            const Count* counts = lane(k);
            for (std::ptrdiff_t i = 0; i < lane_size_; i += 8) {
                std::array<std::uint64_t, sizeof(Count)> words;
                std::memcpy(words.data(), counts + i, sizeof words);
                std::uint64_t any = 0;
                for (const std::uint64_t word : words) any |= word;
                if (any == 0) continue;
                for (int j = 0; j < 8; ++j) sums[k] += term(terms, table, counts[i + j]);
            }
        }
        std::fill_n(counts_.begin(), offset(Pairs), Count{0});
        return sums;
    }

    // Far more cells than pixels: visit those that the pixels fall into, and empty each.
    template <std::size_t Pairs>
    std::array<std::int64_t, Pairs> drained(const std::array<ImagePair, Pairs>& pairs,
                                            const EntropyTerms& terms) {
        const std::int64_t* table = terms.table();
        std::array<std::int64_t, Pairs> sums{};
        each_block(pairs, [&](const auto& cells, std::ptrdiff_t length) {
            for (std::ptrdiff_t i = 0; i < length; ++i) {
                for (std::size_t k = 0; k < Pairs; ++k) {
                    Count& count = writable_lane(k)[cells[k][i]];
                    sums[k] += term(terms, table, count);
                    count = 0;
                }
            }
        });
        return sums;
    }

    std::ptrdiff_t pixels_;
    int bins_;
    std::ptrdiff_t cells_, lane_size_;
    InstructionSet set_;
    std::vector<Count> counts_;
};

}  // namespace miua
