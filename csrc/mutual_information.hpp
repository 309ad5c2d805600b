// Joint grey-level histograms, and from them entropy and mutual information in nats.
//
// A pixel's bin is value * bins / 256, rounded down. Counts are integers, and so are the sums of
// entropy terms (entropy_terms.hpp): no result depends on the order of summation, and with it on
// threads or instructions.
#pragma once

#include <cstdint>

#include "entropy_terms.hpp"
#include "execution.hpp"
#include "image_stack.hpp"

namespace miua {

constexpr int min_bins = 2, max_bins = 256;

// counts: a.count matrices of bins x bins, the bins of `a` being the rows; overwritten.
void joint_histograms(const ByteStack& a, const ByteStack& b, int bins, const Execution& execution,
                      std::int64_t* counts);

// entropies: one for each image.
void entropies(const ByteStack& stack, int bins, Estimator estimator, const Execution& execution,
               double* entropies);

// information: one for each pair (a[i], b[i]).
void mutual_information(const ByteStack& a, const ByteStack& b, int bins, Estimator estimator,
                        const Execution& execution, double* information);

// information: a.count x b.count, one for each pair (a[i], b[j]). Where both are one stack in
// memory, each pair is computed once.
void mutual_information_all_pairs(const ByteStack& a, const ByteStack& b, int bins,
                                  Estimator estimator, const Execution& execution,
                                  double* information);

}  // namespace miua
