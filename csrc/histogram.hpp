// Counting small integers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace miua {

// How often each value below `size` occurs. Four tables take turns where they are small, as
// neighbouring pixels often share a value and a count that was just written is slow to read back.
class Histogram {
  public:
    explicit Histogram(std::ptrdiff_t size)
        : size_(size), several_(size <= 4096), counts_((several_ ? 4 : 1) * size) {}

    void clear() { std::fill(counts_.begin(), counts_.end(), 0u); }

    template <class Value>
    void add(const Value* values, std::ptrdiff_t length) {
        std::uint32_t* counts = counts_.data();
        std::ptrdiff_t i = 0;
        if (several_)
            for (; i + 4 <= length; i += 4)
                for (int k = 0; k < 4; ++k) ++counts[k * size_ + values[i + k]];
        for (; i < length; ++i) ++counts[values[i]];
    }

    std::uint32_t operator[](std::ptrdiff_t value) const {
        std::uint32_t sum = counts_[value];
        if (several_)
            for (int k = 1; k < 4; ++k) sum += counts_[k * size_ + value];
        return sum;
    }

    std::ptrdiff_t size() const { return size_; }

  private:
    std::ptrdiff_t size_;
    bool several_;
    std::vector<std::uint32_t> counts_;
};

}  // namespace miua
