#include "lbp.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "histogram.hpp"
#include "lbp_codes.hpp"
#include "lbp_labels.hpp"
#include "lbp_strip.hpp"

namespace miua {
namespace {

// What one thread works with: it codes an image strip by strip. A code stands for the label
// label(code); there are code_count() codes.

// P = 8, R = 1 on bytes. Codes are the plain ones, as it is cheaper to translate 256 counts than
// every pixel.
class ByteCoder {
  public:
    using Code = std::uint8_t;

    ByteCoder(const ImageStack<std::uint8_t>& stack, const LbpPattern& pattern, InstructionSet set)
        : set_(set),
          strip_(stack.height, stack.width, 1),
          codes_(static_cast<std::size_t>(strip_.max_rows() * stack.width)) {
        std::iota(labels_.begin(), labels_.end(), 0u);
        relabel(pattern, set, labels_.data(), 256);
    }

    const Code* code(const std::uint8_t* image, std::ptrdiff_t first_row) {
        strip_.fill(image, first_row);
        plain_codes_8_1(strip_, set_, codes_.data());
        return codes_.data();
    }

    std::ptrdiff_t strip_rows() const { return strip_.max_rows(); }
    std::ptrdiff_t coded_pixels() const { return strip_.rows() * strip_.width(); }
    std::ptrdiff_t code_count() const { return 256; }
    std::uint32_t label(std::ptrdiff_t code) const { return labels_[code]; }

  private:
    InstructionSet set_;
    LbpStrip<std::uint8_t> strip_;
    std::vector<Code> codes_;
    std::array<std::uint32_t, 256> labels_;
};

// Any P and R, and pixels of any width. Codes are the labels.
template <class Pixel>
class GeneralCoder {
  public:
    using Code = std::uint32_t;

    GeneralCoder(const ImageStack<Pixel>& stack, const LbpPattern& pattern, InstructionSet set)
        : pattern_(pattern),
          set_(set),
          neighbours_(lbp_neighbours(pattern)),
          strip_(stack.height, stack.width, lbp_padding(pattern)),
          sums_(static_cast<std::size_t>(stack.width)),
          codes_(static_cast<std::size_t>(strip_.max_rows() * stack.width)) {}

    const Code* code(const Pixel* image, std::ptrdiff_t first_row) {
        strip_.fill(image, first_row);
        plain_codes(strip_, neighbours_, set_, sums_.data(), codes_.data());
        relabel(pattern_, set_, codes_.data(), coded_pixels());
        return codes_.data();
    }

    std::ptrdiff_t strip_rows() const { return strip_.max_rows(); }
    std::ptrdiff_t coded_pixels() const { return strip_.rows() * strip_.width(); }
    std::ptrdiff_t code_count() const { return pattern_.label_count(); }
    std::uint32_t label(std::ptrdiff_t code) const { return static_cast<std::uint32_t>(code); }

  private:
    LbpPattern pattern_;
    InstructionSet set_;
    std::vector<LbpNeighbour> neighbours_;
    LbpStrip<double> strip_;
    std::vector<double> sums_;
    std::vector<Code> codes_;
};

template <class Coder, class Pixel>
void write_labels(const ImageStack<Pixel>& stack, const Coder& coder, const Execution& execution,
                  std::uint32_t* labels) {
    const std::ptrdiff_t strip_rows = coder.strip_rows();
    const std::ptrdiff_t strips = (stack.height + strip_rows - 1) / strip_rows;
    const std::ptrdiff_t tasks = stack.count * strips;
    const int threads = thread_count(execution, tasks);
    std::vector<Coder> coders(static_cast<std::size_t>(threads), coder);

    for_each_task(tasks, threads, execution, [&](std::ptrdiff_t task, int thread) {
        Coder& own = coders[static_cast<std::size_t>(thread)];
        const std::ptrdiff_t index = task / strips, row = task % strips * strip_rows;
        const auto* codes = own.code(stack.image(index), row);
        std::transform(codes, codes + own.coded_pixels(),
                       labels + index * stack.image_size() + row * stack.width,
                       [&own](auto code) { return own.label(code); });
    });
}

template <class Coder, class Pixel>
void write_histograms(const ImageStack<Pixel>& stack, const Coder& coder,
                      std::ptrdiff_t label_count, const Execution& execution,
                      std::int64_t* counts) {
    const int threads = thread_count(execution, stack.count);
    std::vector<Coder> coders(static_cast<std::size_t>(threads), coder);
    std::vector<Histogram> histograms(static_cast<std::size_t>(threads),
                                      Histogram(coder.code_count()));

    for_each_task(stack.count, threads, execution, [&](std::ptrdiff_t index, int thread) {
        Coder& own = coders[static_cast<std::size_t>(thread)];
        Histogram& histogram = histograms[static_cast<std::size_t>(thread)];
        histogram.clear();
        for (std::ptrdiff_t row = 0; row < stack.height; row += own.strip_rows()) {
            const auto* codes = own.code(stack.image(index), row);
            histogram.add(codes, own.coded_pixels());
        }
        std::int64_t* out = counts + index * label_count;
        std::fill_n(out, label_count, std::int64_t{0});
        for (std::ptrdiff_t code = 0; code < histogram.size(); ++code)
            out[own.label(code)] += histogram[code];
    });
}

// Call work(coder) with the coder that fits.
template <class Pixel, class Work>
void with_coder(const ImageStack<Pixel>& stack, const LbpPattern& pattern, InstructionSet set,
                const Work& work) {
    if constexpr (sizeof(Pixel) == 1)
        if (is_8_1(pattern)) return work(ByteCoder(stack, pattern, set));
    work(GeneralCoder<Pixel>(stack, pattern, set));
}

}  // namespace

template <class Pixel>
void lbp_labels(const ImageStack<Pixel>& stack, const LbpPattern& pattern,
                const Execution& execution, std::uint32_t* labels) {
    with_coder(stack, pattern, execution.instruction_set,
               [&](const auto& coder) { write_labels(stack, coder, execution, labels); });
}

template <class Pixel>
void lbp_histograms(const ImageStack<Pixel>& stack, const LbpPattern& pattern,
                    const Execution& execution, std::int64_t* counts) {
    with_coder(stack, pattern, execution.instruction_set, [&](const auto& coder) {
        write_histograms(stack, coder, pattern.label_count(), execution, counts);
    });
}

template void lbp_labels(const ImageStack<std::uint8_t>&, const LbpPattern&, const Execution&,
                         std::uint32_t*);
template void lbp_labels(const ImageStack<std::uint16_t>&, const LbpPattern&, const Execution&,
                         std::uint32_t*);
template void lbp_histograms(const ImageStack<std::uint8_t>&, const LbpPattern&, const Execution&,
                             std::int64_t*);
template void lbp_histograms(const ImageStack<std::uint16_t>&, const LbpPattern&, const Execution&,
                             std::int64_t*);

}  // namespace miua
