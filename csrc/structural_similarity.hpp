// Structural similarity (SSIM) of grey images: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P.
// Simoncelli, Image quality assessment, IEEE Transactions on Image Processing 13 (2004) 600-612.
//
// Over every window of 7 x 7 pixels that lies inside the images, with n = 49, the sums s and
// t_xy = n sum(xy) - s_x s_y are integers, and
//
//     SSIM = (2 s_x s_y + c1) (2 t_xy + c2) / ((s_x^2 + s_y^2 + c1) (t_xx + t_yy + c2))
//
// with c1 = n^2 (0.01 * 255)^2 and c2 = n (n - 1) (0.03 * 255)^2; an image pair's is the mean. A
// window's is computed in float32, and cut once, to fixed point: sums of it are exact, and no
// result depends on the order of summation, and with it on threads or instructions. Its error is
// below 7e-7: each of the four factors is off by 2 * 2^-24 at most, in parts of it or, where it may
// be negative, of the one below it; two products and the quotient add 2^-24 each, and the cut adds
// 2^-24 only to what is below 0.5, where the others come to less.
#pragma once

#include "execution.hpp"
#include "image_stack.hpp"

namespace miua {

constexpr std::ptrdiff_t similarity_window = 7;  // rows and columns that images must have at least

// similarity: one for each pair (a[i], b[i]).
void structural_similarity(const ByteStack& a, const ByteStack& b, const Execution& execution,
                           double* similarity);

// similarity: a.count x b.count, one for each pair (a[i], b[j]). Where both are one stack in
// memory, each pair is computed once.
void structural_similarity_all_pairs(const ByteStack& a, const ByteStack& b,
                                     const Execution& execution, double* similarity);

}  // namespace miua
