// Local binary patterns in exact integer arithmetic.
//
// Codes, labels and border rule are those of skimage.feature.local_binary_pattern: neighbour p of
// P lies at (-R sin(2 pi p / P), R cos(2 pi p / P)) from the centre (row, column), rounded to five
// decimals; its value is the bilinear one; pixels outside the image are 0; bit p is set when that
// value is at least the centre's. As offsets are multiples of 1e-5, both sides of the comparison
// times 1e10 are integers, so ties are decided exactly, where floating point leaves them to chance.
#pragma once

#include <cstdint>

#include "execution.hpp"
#include "image_stack.hpp"

namespace miua {

enum class LbpMethod {
    plain,        // skimage's "default": the bits themselves, 2^P labels
    ror,          // the smallest rotation of the bits, 2^P labels
    uniform,      // the number of set bits where the bits change at most twice, else P + 1
    nri_uniform,  // as uniform, with the place of the set bits: P (P - 1) + 3 labels
};

struct LbpPattern {
    int points;     // P
    double radius;  // R, in pixels
    LbpMethod method;

    static constexpr int max_points = 24;
    static constexpr double max_radius = 100;

    // Labels are 0 .. label_count() - 1.
    std::int64_t label_count() const;
};

// labels: one for each pixel of the stack. Pixels are std::uint8_t or std::uint16_t.
template <class Pixel>
void lbp_labels(const ImageStack<Pixel>& stack, const LbpPattern& pattern,
                const Execution& execution, std::uint32_t* labels);

// counts: stack.count rows of pattern.label_count() elements, overwritten.
template <class Pixel>
void lbp_histograms(const ImageStack<Pixel>& stack, const LbpPattern& pattern,
                    const Execution& execution, std::int64_t* counts);

}  // namespace miua
