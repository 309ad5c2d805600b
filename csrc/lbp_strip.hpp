// A strip of an image's rows inside a frame of its surroundings, so that no neighbour needs a
// bounds check: pixels outside the image are 0. A strip is small enough to stay in cache.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "image_stack.hpp"

namespace miua {

template <class Value>
class LbpStrip {
  public:
    LbpStrip(std::ptrdiff_t height, std::ptrdiff_t width, std::ptrdiff_t padding)
        : height_(height),
          width_(width),
          padding_(padding),
          stride_(width + 2 * padding),
          max_rows_(std::min(height, std::max(8 * padding, cached_bytes / stride_bytes()))),
          values_((max_rows_ + 2 * padding) * stride_) {}

    // Take over the rows from `first` on, at most max_rows(), of one image.
    template <class Pixel>
    void fill(const Pixel* image, std::ptrdiff_t first) {
        rows_ = std::min(max_rows_, height_ - first);
        for (std::ptrdiff_t y = -padding_; y < rows_ + padding_; ++y) {
            const bool inside = first + y >= 0 && first + y < height_;
            if (inside)
                std::copy_n(image + (first + y) * width_, width_, values_.data() + place(y));
            else
                std::fill_n(values_.data() + place(y), width_, Value{0});
        }
    }

    // Row y of the strip may be read `padding` values to the left and right of it, and so may
    // the `padding` rows above and below the strip.
    const Value* row(std::ptrdiff_t y) const { return values_.data() + place(y); }

    std::ptrdiff_t max_rows() const { return max_rows_; }
    std::ptrdiff_t rows() const { return rows_; }
    std::ptrdiff_t width() const { return width_; }
    std::ptrdiff_t stride() const { return stride_; }

  private:
    static constexpr std::ptrdiff_t cached_bytes = 64 * 1024;

    std::ptrdiff_t stride_bytes() const {
        return stride_ * static_cast<std::ptrdiff_t>(sizeof(Value));
    }
    std::ptrdiff_t place(std::ptrdiff_t y) const { return (y + padding_) * stride_ + padding_; }

    std::ptrdiff_t height_, width_, padding_, stride_, max_rows_, rows_ = 0;
    std::vector<Value> values_;
};

}  // namespace miua
