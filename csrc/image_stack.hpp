// What every kernel reads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace miua {

// A view of grey images, C-contiguous, one after another.
template <class Pixel>
struct ImageStack {
    const Pixel* pixels;
    std::ptrdiff_t count, height, width;

    // Counts of pixels are held in 32 bits.
    static constexpr std::ptrdiff_t max_image_size = (std::ptrdiff_t{1} << 31) - 1;

    std::ptrdiff_t image_size() const { return height * width; }
    const Pixel* image(std::ptrdiff_t index) const { return pixels + index * image_size(); }
};

using ByteStack = ImageStack<std::uint8_t>;

// Are both views of the same images? Then a symmetric measure of all pairs is half the work.
inline bool same_images(const ByteStack& a, const ByteStack& b) {
    return a.pixels == b.pixels && a.count == b.count;
}

}  // namespace miua
