// What every kernel reads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace miua {

// A view of grey images, C-contiguous, one after another.
struct ImageStack {
    const std::uint8_t* pixels;
    std::ptrdiff_t count, height, width;

    std::ptrdiff_t image_size() const { return height * width; }
    const std::uint8_t* image(std::ptrdiff_t index) const { return pixels + index * image_size(); }
};

}  // namespace miua
