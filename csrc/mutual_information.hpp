// Joint grey-level histograms, and from them entropy and mutual information.
//
// A pixel's bin is value * bins / 256, rounded down. Counts are integers; entropies are the
// plug-in ones of the counts, in nats, each summed in one fixed order, so that the result does
// not depend on the number of threads.
#pragma once

#include <cstdint>

#include "image_stack.hpp"

namespace miua {

constexpr int min_bins = 2, max_bins = 256;

// counts: a.count matrices of bins x bins, the bins of `a` being the rows; overwritten.
void joint_histograms(const ImageStack& a, const ImageStack& b, int bins, int threads,
                      std::int64_t* counts);

// entropies: one for each image.
void entropies(const ImageStack& stack, int bins, int threads, double* entropies);

// information: one for each pair (a[i], b[i]).
void mutual_information(const ImageStack& a, const ImageStack& b, int bins, int threads,
                        double* information);

// information: a.count x b.count, one for each pair (a[i], b[j]).
void mutual_information_all_pairs(const ImageStack& a, const ImageStack& b, int bins, int threads,
                                  double* information);

}  // namespace miua
