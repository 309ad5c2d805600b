#include "lbp_labels.hpp"

#include <algorithm>

namespace miua {
namespace {

using Bits = std::uint32_t;

// Without branches and tables, so that many codes are handled at once.
MIUA_INLINE Bits ones_in(Bits bits) {
    bits -= bits >> 1 & 0x55555555u;
    bits = (bits & 0x33333333u) + (bits >> 2 & 0x33333333u);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0fu;
    bits += bits >> 8;
    return (bits + (bits >> 16)) & 63u;
}

MIUA_INLINE Bits rotated(Bits bits, Bits points, Bits mask) {
    return (bits >> 1 | bits << (points - 1)) & mask;
}

// How often the bits change on the way around the circle.
MIUA_INLINE Bits changes_in(Bits bits, Bits points, Bits mask) {
    return ones_in(bits ^ rotated(bits, points, mask));
}

struct SmallestRotation {
    static MIUA_INLINE void run(Bits points, Bits mask, Bits* codes, std::ptrdiff_t size) {
        constexpr std::ptrdiff_t block = 64;
        Bits turned[block];
        for (std::ptrdiff_t start = 0; start < size; start += block) {
            const std::ptrdiff_t length = size - start < block ? size - start : block;
            Bits* smallest = codes + start;
            for (std::ptrdiff_t i = 0; i < length; ++i) turned[i] = smallest[i];
            for (Bits by = 1; by < points; ++by) {
                for (std::ptrdiff_t i = 0; i < length; ++i) {
                    turned[i] = rotated(turned[i], points, mask);
                    smallest[i] = turned[i] < smallest[i] ? turned[i] : smallest[i];
                }
            }
        }
    }
};

struct Uniform {
    static MIUA_INLINE void run(Bits points, Bits mask, Bits* codes, std::ptrdiff_t size) {
        for (std::ptrdiff_t i = 0; i < size; ++i)
            codes[i] = changes_in(codes[i], points, mask) <= 2 ? ones_in(codes[i]) : points + 1;
    }
};

struct NotRotationInvariantUniform {
    static MIUA_INLINE void run(Bits points, Bits mask, Bits* codes, std::ptrdiff_t size) {
        for (std::ptrdiff_t i = 0; i < size; ++i) {
            const Bits bits = codes[i], ones = ones_in(bits);
            const Bits first_zero = ones_in(bits & (~bits - 1)),
                       first_one = ones_in(~bits & (bits - 1));
            const Bits rotation = bits & 1u ? ones - first_zero : points - first_one;
            Bits label = 1 + (ones - 1) * points + rotation;
            label = ones == 0 ? 0 : label;
            label = ones == points ? points * (points - 1) + 1 : label;
            codes[i] = changes_in(bits, points, mask) <= 2 ? label : points * (points - 1) + 2;
        }
    }
};

}  // namespace

std::int64_t LbpPattern::label_count() const {
    const std::int64_t P = points;
    switch (method) {
        case LbpMethod::uniform:
            return P + 2;
        case LbpMethod::nri_uniform:
            return P * (P - 1) + 3;
        default:
            return std::int64_t{1} << P;
    }
}

void relabel(const LbpPattern& pattern, InstructionSet set, std::uint32_t* codes,
             std::ptrdiff_t size) {
    const auto points = static_cast<Bits>(pattern.points);
    const Bits mask = (Bits{1} << points) - 1;
    switch (pattern.method) {
        case LbpMethod::plain:
            return;
        case LbpMethod::ror:
            return run<SmallestRotation>(set, points, mask, codes, size);
        case LbpMethod::uniform:
            return run<Uniform>(set, points, mask, codes, size);
        case LbpMethod::nri_uniform:
            return run<NotRotationInvariantUniform>(set, points, mask, codes, size);
    }
}

}  // namespace miua
