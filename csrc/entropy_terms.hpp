// What a histogram's cell of n pixels adds to an entropy, as an integer.
//
// H = ln N - (1 / N) sum n g(n) over the cells, for an image of N pixels. The plug-in estimator has
// g(n) = ln n. Grassberger's has g(1) = -gamma - ln 2, g(2) = 2 + g(1), g(2 m + 1) = g(2 m),
// g(2 m + 2) = g(2 m) + 2 / (2 m + 1), which removes most of the bias of small counts
// (P. Grassberger, Entropy estimates from insufficient samplings, arXiv:physics/0307138, eqs
// 28-35).
//
// A term is n g(n) in units of 2^-k, rounded, with k as large as the sum of a whole image allows.
// Sums of terms are exact, and every step that leads to a term is a basic operation of IEEE 754
// on a value fixed here: all platforms get the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace miua {

enum class Estimator { plug_in, grassberger };

class EntropyTerms {
  public:
    // For images of `pixels` pixels; made once for each power of two, then shared.
    static const EntropyTerms& of(Estimator estimator, std::ptrdiff_t pixels);

    // The term of a cell with n pixels; 0 for n = 0.
    std::int64_t operator()(std::uint32_t n) const {
        return n < table_.size() ? table_[n] : computed(n);
    }

    // The same for n up to 65535 and up to the image size, read from a table.
    const std::int64_t* table() const { return table_.data(); }

    // ln N of the image itself, weighted with N: what a sum of terms is taken from.
    std::int64_t whole(std::ptrdiff_t pixels) const;

    // An integer of this class's units, divided by the pixels: nats.
    double nats(std::int64_t sum, std::ptrdiff_t pixels) const;

  private:
    EntropyTerms(Estimator estimator, int log2_pixels);
    std::int64_t computed(std::uint32_t n) const;
    std::int64_t rounded(double term) const;

    Estimator estimator_;
    double units_;
    std::vector<std::int64_t> table_;
};

// The natural logarithm of an integer from 1 to 2^31, to about one unit in the last place.
double natural_logarithm(std::uint32_t n);

}  // namespace miua
