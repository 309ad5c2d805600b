#include "entropy_terms.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <mutex>

namespace miua {
namespace {

constexpr double ln_2 = 0.69314718055994530942;
constexpr double euler_gamma = 0.57721566490153286061;

// Grassberger's g(n) for large n: psi(m + 1/2) + ln 2 with m = n / 2, by its asymptotic series,
// whose next term is below 1e-17 from n = 2000 on.
double grassberger_of_many(std::uint32_t n) {
    const double m = n / 2;
    const double square = 1 / (m * m);
    return natural_logarithm(n / 2) + ln_2 + square / 24 - 7 * square * square / 960;
}

}  // namespace

// ln n = e ln 2 + 2 artanh((m - 1) / (m + 1)) for n = m 2^e, with m between 1/sqrt 2 and sqrt 2.
double natural_logarithm(std::uint32_t n) {
    int exponent = 0;
    double m = std::frexp(static_cast<double>(n), &exponent);
    if (m < 0.70710678118654752440) {
        m *= 2;
        --exponent;
    }
    const double s = (m - 1) / (m + 1), square = s * s;
    double series = 0;
    for (int odd = 23; odd >= 3; odd -= 2) series = (series + 1.0 / odd) * square;
    // ln 2 in two parts, the first one short enough for its product to be exact.
    constexpr double high = 0.693147180369123816490, low = 1.90821492927058770002e-10;
    return exponent * high + (2 * s + (2 * s * series + exponent * low));
}

EntropyTerms::EntropyTerms(Estimator estimator, int log2_pixels)
    : estimator_(estimator), units_(std::ldexp(1.0, 57 - log2_pixels)) {
    const std::uint32_t largest = 1u << std::min(log2_pixels, 16);
    table_.resize(largest + 1);
    double g = -euler_gamma - ln_2;
    for (std::uint32_t n = 1; n <= largest; ++n) {
        if (estimator == Estimator::plug_in)
            g = natural_logarithm(n);
        else if (n % 2 == 0)
            g += 2.0 / (n - 1);
        table_[n] = rounded(n * g);
    }
}

const EntropyTerms& EntropyTerms::of(Estimator estimator, std::ptrdiff_t pixels) {
    int log2_pixels = 0;
    while ((std::ptrdiff_t{1} << log2_pixels) < pixels) ++log2_pixels;

    static std::array<std::array<std::unique_ptr<const EntropyTerms>, 32>, 2> made;
    static std::mutex mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    auto& terms =
        made[estimator == Estimator::plug_in ? 0 : 1][static_cast<std::size_t>(log2_pixels)];
    if (!terms) terms.reset(new EntropyTerms(estimator, log2_pixels));
    return *terms;
}

std::int64_t EntropyTerms::computed(std::uint32_t n) const {
    const double g =
        estimator_ == Estimator::plug_in ? natural_logarithm(n) : grassberger_of_many(n);
    return rounded(n * g);
}

std::int64_t EntropyTerms::whole(std::ptrdiff_t pixels) const {
    const auto n = static_cast<std::uint32_t>(pixels);
    return rounded(n * natural_logarithm(n));
}

std::int64_t EntropyTerms::rounded(double term) const {
    return static_cast<std::int64_t>(std::floor(term * units_ + 0.5));
}

double EntropyTerms::nats(std::int64_t sum, std::ptrdiff_t pixels) const {
    return static_cast<double>(sum) / units_ / static_cast<double>(pixels);
}

}  // namespace miua
