"""The loops of :mod:`.loops` in C: all elementwise work between two matrix products is one pass over memory.

Every loop is written for one element and left to the compiler's vectoriser; nothing but arithmetic, square roots and
comparisons occurs in it. A comparison is written so that a number that is not finite passes through. Relative errors
of the functions are a few units in the last place, that of erfcx is 5e-7.
"""

SOURCE = r"""
#include <math.h>
#include <stdint.h>
#include <string.h>

#define SQRT_HALF 0.70710678f
#define HALF_MILLS 0.39894228f /* sqrt(2/pi)/2 */

static inline float float_of_bits(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
static inline uint32_t bits_of_float(float x) { uint32_t bits; memcpy(&bits, &x, 4); return bits; }
static inline float at_most(float x, float limit) { return x > limit ? limit : x; }
static inline float at_least(float x, float limit) { return x < limit ? limit : x; }

/* e^x = 2^n (1 + p), x at most 88: returns p and writes 2^n. */
static inline float exp_parts(float x, float *power) {
    float n = rintf((x = at_least(x, -87.0f)) * 1.44269504f);
    float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
    *power = float_of_bits((uint32_t)((int32_t)n + 127) << 23);
    float tail = 1.f/6 + r * (1.f/24 + r * (1.f/120 + r * (1.f/720 + r * (1.f/5040))));
    return r + r * r * (0.5f + r * tail);
}
static inline float exp_of(float x) { float power, p = exp_parts(x, &power); return power + power * p; }
static inline float expm1_of(float x) { float power, p = exp_parts(x, &power); return (power - 1) + power * p; }

/* log x of a positive, normal x */
static inline float log_of(float x) {
    int32_t n = (int32_t)(bits_of_float(x) - 0x3f3504f3u) >> 23;
    float f = float_of_bits(bits_of_float(x) - ((uint32_t)n << 23)) - 1, s = f / (2 + f), q = s * s;
    float series = 1.f/3 + q * (1.f/5 + q * (1.f/7 + q * (1.f/9)));
    float result = n * 0.693147181f + (2 * s + 2 * s * q * series);
    return x < INFINITY ? result : x;
}

static inline float tanh_of(float x) {
    float t = -expm1_of(-2 * fabsf(x));
    return copysignf(t / (2 - t), x);
}

/* erfcx(y)/2 of y >= 0, Press et al., Numerical Recipes, section 6.2 */
static inline float half_erfcx_of(float y) {
    float q = 1 / (1 + 0.5f * y), e = 0.17087277f;
    e = e * q - 0.82215223f;
    e = e * q + 1.48851587f;
    e = e * q - 1.13520398f;
    e = e * q + 0.27886807f;
    e = e * q - 0.18628806f;
    e = e * q + 0.09678418f;
    e = e * q + 0.37409196f;
    e = e * q + 1.00002368f;
    e = e * q - 1.26551223f;
    return 0.5f * q * exp_of(e);
}

/* Known inputs x (replicas, rows, n): squares, their mean in each row, and the largest |x| of each replica. */
void squares(int64_t replicas, int64_t rows, int64_t n, const float *restrict x, float *restrict square,
             float *restrict mean_square, float *restrict peak) {
    for (int64_t r = 0; r < replicas; r++) {
        float largest = 0;
        for (int64_t a = 0; a < rows; a++, x += n, square += n) {
            float sum = 0;
            #pragma omp simd reduction(+:sum) reduction(max:largest)
            for (int64_t i = 0; i < n; i++) {
                float size = fabsf(x[i]);
                square[i] = size * size;
                sum += size * size;
                largest = size > largest ? size : largest;
            }
            *mean_square++ = sum / n;
        }
        peak[r] = largest;
    }
}

/* V (replicas, rows, units) += sum of delta (replicas, rows, n) over a row, where there is a delta; then at least
   the floor times mean_square (replicas, rows), where that is given and positive; and the smallest V of a replica. */
void settle(int64_t replicas, int64_t rows, int64_t units, int64_t n, float *restrict variance,
            const float *restrict delta, const float *restrict mean_square, float floor, float *restrict smallest) {
    for (int64_t r = 0; r < replicas; r++) {
        float least = INFINITY;
        for (int64_t a = 0; a < rows; a++, variance += units) {
            float sum = 0, bound = floor;
            if (delta) {
                #pragma omp simd reduction(+:sum)
                for (int64_t i = 0; i < n; i++) sum += delta[i];
                delta += n;
            }
            if (mean_square && *mean_square > 0) bound *= *mean_square;
            if (mean_square) mean_square++;
            #pragma omp simd reduction(min:least)
            for (int64_t k = 0; k < units; k++) {
                float v = at_least(variance[k] + sum, bound);
                variance[k] = v;
                least = v < least ? v : least;
            }
        }
        smallest[r] = least;
    }
}

/* erfcx(|u|/sqrt 2)/2 with u = omega/sqrt V */
void half_erfcx(int64_t n, const float *restrict omega, const float *restrict variance, float *restrict result) {
    for (int64_t i = 0; i < n; i++) result[i] = half_erfcx_of(fabsf(omega[i] / sqrtf(variance[i])) * SQRT_HALF);
}

static inline float tail_of(float u, float half_erfcx) { return exp_of(-0.5f * u * u) * half_erfcx; }

/* Mean, variance and squared mean of units without a field from above, and the largest |mean| of each replica. */
void moments(int64_t replicas, int64_t n, const float *restrict omega, const float *restrict variance,
             float *restrict half_erfcx, float *restrict mean, float *restrict square, float *restrict delta,
             float *restrict peak) {
    for (int64_t r = 0; r < replicas; r++) {
        float largest = 0;
        #pragma omp simd reduction(max:largest)
        for (int64_t i = r * n; i < (r + 1) * n; i++) {
            float u = omega[i] / sqrtf(variance[i]), e = half_erfcx_of(fabsf(u) * SQRT_HALF);
            float size = 1 - 2 * tail_of(u, e);
            half_erfcx[i] = e;
            mean[i] = copysignf(size, u);
            square[i] = size * size;
            delta[i] = 1 - size * size;
            largest = size > largest ? size : largest;
        }
        peak[r] = largest;
    }
}

/* The same in a field from above; field becomes their total field. */
void moments_in_field(int64_t replicas, int64_t n, const float *restrict omega, const float *restrict variance,
                      const float *restrict above, float *restrict half_erfcx, float *restrict field,
                      float *restrict mean, float *restrict square, float *restrict delta, float *restrict peak) {
    for (int64_t r = 0; r < replicas; r++) {
        float largest = 0;
        #pragma omp simd reduction(max:largest)
        for (int64_t i = r * n; i < (r + 1) * n; i++) {
            float u = omega[i] / sqrtf(variance[i]), e = half_erfcx_of(fabsf(u) * SQRT_HALF);
            float odds = log_of((1 - tail_of(u, e)) / e);
            float b = copysignf(0.5f * (odds + 0.5f * u * u), u) + above[i], x = tanh_of(b), size = fabsf(x);
            half_erfcx[i] = e;
            field[i] = b;
            mean[i] = x;
            square[i] = x * x;
            delta[i] = 1 - x * x;
            largest = size > largest ? size : largest;
        }
        peak[r] = largest;
    }
}

/* g in a field B, infinite fields included. */
static inline float score_of(float B, float omega, float inverse_scale, float half_erfcx) {
    float u = omega * inverse_scale, agreement = copysignf(1, u) * B, strength = -expm1_of(-2 * fabsf(B));
    float exponent = at_most(2 * at_most(agreement, 0) + 0.5f * u * u, 80);
    float mismatch = exp_of(exponent) - copysignf(strength, agreement) * half_erfcx;
    return copysignf(strength, B) * (HALF_MILLS * inverse_scale) / mismatch;
}

void score(int64_t n, const float *restrict omega, const float *restrict variance, const float *restrict half_erfcx,
           const float *restrict field, float *restrict g) {
    for (int64_t i = 0; i < n; i++) g[i] = score_of(field[i], omega[i], 1 / sqrtf(variance[i]), half_erfcx[i]);
}

/* g and its curvature g (g + omega/V) */
void score_and_curvature(int64_t n, const float *restrict omega, const float *restrict variance,
                         const float *restrict half_erfcx, const float *restrict field, float *restrict g,
                         float *restrict curvature) {
    for (int64_t i = 0; i < n; i++) {
        float inverse_scale = 1 / sqrtf(variance[i]), s = score_of(field[i], omega[i], inverse_scale, half_erfcx[i]);
        g[i] = s;
        curvature[i] = s * (s + omega[i] * inverse_scale * inverse_scale);
    }
}

/* The first three derivatives of g in omega, by the Riccati equation that it obeys. */
void derivatives(int64_t n, const float *restrict omega, const float *restrict variance, const float *restrict g,
                 float *restrict first, float *restrict second, float *restrict third) {
    for (int64_t i = 0; i < n; i++) {
        float precision = 1 / variance[i], slope = omega[i] * precision, s = g[i];
        float s1 = -s * (s + slope), s2 = -(s1 * (2 * s + slope) + precision * s);
        first[i] = s1;
        second[i] = s2;
        third[i] = -(s2 * (2 * s + slope) + 2 * s1 * (s1 + precision));
    }
}

/* sum <- sum - x first + x^2/2 second - x^3/6 third */
void horner(int64_t n, const float *restrict x, float *restrict sum, const float *restrict first,
            const float *restrict second, const float *restrict third) {
    for (int64_t i = 0; i < n; i++)
        sum[i] -= x[i] * (first[i] - 0.5f * x[i] * (second[i] - (1.f/3) * x[i] * third[i]));
}

/* H <- H_in + m slope + r H + theta, clamped and masked; m <- psi m + (1 - psi) tanh H; sigma <- 1 - m^2.
   slope and mask may be absent; psi and r (0 if absent) are one a replica, and so is active, if given: others stay. */
static inline __attribute__((always_inline)) void update_one(
    int64_t n, const float *restrict field_in, const float *restrict slope, const float *restrict prior,
    const float *restrict mask, float psi, float r, float limit, float *restrict field, float *restrict mean,
    float *restrict variance) {
    for (int64_t i = 0; i < n; i++) {
        float m = mean[i], exists = mask ? mask[i] : 1.0f, into = slope ? field_in[i] + m * slope[i] : field_in[i];
        float h = at_least(at_most(into + r * field[i] + prior[i], limit), -limit) * exists;
        field[i] = h;
        m += (1 - psi) * (tanh_of(h) - m);
        mean[i] = m;
        variance[i] = exists - m * m;
    }
}

void update(int64_t replicas, int64_t n, const float *field_in, const float *slope, const float *prior,
            const float *mask, const float *damping, const float *reinforcement, const unsigned char *active,
            float limit, float *field, float *mean, float *variance) {
    for (int64_t r = 0; r < replicas; r++, field_in += n, prior += n, field += n, mean += n, variance += n) {
        float psi = damping[r], part = reinforcement ? reinforcement[r] : 0;
        if (active && !active[r]) {}
        else if (slope && mask) update_one(n, field_in, slope, prior, mask, psi, part, limit, field, mean, variance);
        else if (slope) update_one(n, field_in, slope, prior, 0, psi, part, limit, field, mean, variance);
        else if (mask) update_one(n, field_in, 0, prior, mask, psi, part, limit, field, mean, variance);
        else update_one(n, field_in, 0, prior, 0, psi, part, limit, field, mean, variance);
        if (slope) slope += n;
        if (mask) mask += n;
    }
}

/* g on one edge, from the coefficients of its sample and output unit. */
static inline float edge_score(float omega, float prefactor, float inverse_scale, float strength, float log_negative,
                               float log_positive) {
    float v = inverse_scale * omega, y = fabsf(v);
    float exponent = at_most(y * y + (v > 0 ? log_positive : log_negative), 80);
    float signed_strength = v > 0 ? -2 * strength : 2 * strength;
    return prefactor / (exp_of(exponent) + signed_strength * half_erfcx_of(y));
}

/* field_in (units, n) and, where it is given, down (rows, n), both 0 before: sums of g x and of g m over all edges.
   omega and the coefficients are (rows, units). */
void edge_fields(int64_t rows, int64_t units, int64_t n, const float *restrict x, const float *restrict mean,
                 const float *restrict omega, const float *restrict prefactor, const float *restrict inverse_scale,
                 const float *restrict strength, const float *restrict log_negative,
                 const float *restrict log_positive, float *restrict field_in, float *restrict down) {
    for (int64_t k = 0; k < units; k++) {
        const float *restrict m = mean + k * n;
        float *restrict into = field_in + k * n;
        for (int64_t a = 0; a < rows; a++) {
            int64_t c = a * units + k;
            float w = omega[c], p = prefactor[c], s = inverse_scale[c], t = strength[c];
            float negative = log_negative[c], positive = log_positive[c];
            const float *restrict inputs = x + a * n;
            if (down) {
                float *restrict below = down + a * n;
                for (int64_t i = 0; i < n; i++) {
                    float g = edge_score(w - m[i] * inputs[i], p, s, t, negative, positive);
                    into[i] += g * inputs[i];
                    below[i] += g * m[i];
                }
            } else {
                for (int64_t i = 0; i < n; i++)
                    into[i] += edge_score(w - m[i] * inputs[i], p, s, t, negative, positive) * inputs[i];
            }
        }
    }
}

/* The same over the edges that exist: those of unit k are starts[k] to starts[k + 1]. x and down are (n, rows), omega
   and the coefficients (units, rows). */
void sparse_edge_fields(int64_t rows, int64_t units, int64_t n, const int64_t *restrict starts,
                        const int64_t *restrict inputs, const float *restrict x, const float *restrict mean,
                        const float *restrict omega, const float *restrict prefactor,
                        const float *restrict inverse_scale, const float *restrict strength,
                        const float *restrict log_negative, const float *restrict log_positive,
                        float *restrict field_in, float *restrict down) {
    for (int64_t k = 0; k < units; k++) {
        const float *restrict w = omega + k * rows, *restrict p = prefactor + k * rows;
        const float *restrict s = inverse_scale + k * rows, *restrict t = strength + k * rows;
        const float *restrict negative = log_negative + k * rows, *restrict positive = log_positive + k * rows;
        for (int64_t edge = starts[k]; edge < starts[k + 1]; edge++) {
            int64_t i = inputs[edge];
            const float *restrict received = x + i * rows;
            float m = mean[k * n + i], sum = 0;
            if (down) {
                float *restrict below = down + i * rows;
                #pragma omp simd reduction(+:sum)
                for (int64_t a = 0; a < rows; a++) {
                    float g = edge_score(w[a] - m * received[a], p[a], s[a], t[a], negative[a], positive[a]);
                    sum += g * received[a];
                    below[a] += g * m;
                }
            } else {
                #pragma omp simd reduction(+:sum)
                for (int64_t a = 0; a < rows; a++)
                    sum += received[a] * edge_score(w[a] - m * received[a], p[a], s[a], t[a], negative[a], positive[a]);
            }
            field_in[k * n + i] = sum;
        }
    }
}

/* Belief propagation with messages on every edge: means, inputs and fields are (samples, units, n), omega and the
   coefficients (samples, units), x and field (samples, n); n is a whole number of vectors. */

/* omega <- sum of m x over the edges of a unit, where all of them receive the same x */
void omega_of_edges(int64_t samples, int64_t units, int64_t n, const float *restrict x, const float *restrict means,
                    float *restrict omega) {
    for (int64_t a = 0; a < samples; a++, x += n)
        for (int64_t k = 0; k < units; k++, means += n) {
            float sum = 0;
            #pragma omp simd reduction(+:sum)
            for (int64_t i = 0; i < n; i++) sum += means[i] * x[i];
            *omega++ = sum;
        }
}

/* The same with x = tanh(field - fields) on every edge, kept in inputs */
void omega_of_edge_inputs(int64_t samples, int64_t units, int64_t n, const float *restrict field,
                          const float *restrict fields, const float *restrict means, float *restrict inputs,
                          float *restrict omega) {
    for (int64_t a = 0; a < samples; a++, field += n)
        for (int64_t k = 0; k < units; k++, fields += n, means += n, inputs += n) {
            float sum = 0;
            #pragma omp simd reduction(+:sum)
            for (int64_t i = 0; i < n; i++) {
                inputs[i] = tanh_of(field[i] - fields[i]);
                sum += means[i] * inputs[i];
            }
            *omega++ = sum;
        }
}

static inline __attribute__((always_inline)) void scores_of_unit(
    int64_t n, const float *restrict x, const float *restrict m, float w, float p, float s, float t, float negative,
    float positive, float *restrict shifts, float *restrict fields, float *restrict into, float *restrict down) {
    for (int64_t i = 0; i < n; i++) {
        float received = x ? x[i] : shifts[i], g = edge_score(w - m[i] * received, p, s, t, negative, positive);
        shifts[i] = g * received;
        into[i] += g * received;
        if (down) {
            fields[i] = g * m[i];
            down[i] += g * m[i];
        }
    }
}

/* g x into shifts, which holds the inputs of the edges where no x is given, and summed over samples into field_in
   (replicas, units, n); where down (samples, n) is given, g m into fields, and summed over units into down. The sums
   are 0 before. */
void exchange(int64_t replicas, int64_t rows, int64_t units, int64_t n, const float *x, const float *means,
              const float *omega, const float *prefactor, const float *inverse_scale, const float *strength,
              const float *log_negative, const float *log_positive, float *shifts, float *fields, float *field_in,
              float *down) {
    for (int64_t a = 0; a < replicas * rows; a++) {
        float *into = field_in + a / rows * units * n;
        for (int64_t k = 0; k < units; k++, into += n, means += n, shifts += n) {
            int64_t c = a * units + k;
            float w = omega[c], p = prefactor[c], s = inverse_scale[c], t = strength[c];
            float lower = log_negative[c], upper = log_positive[c];
            if (x && down) scores_of_unit(n, x, means, w, p, s, t, lower, upper, shifts, fields, into, down);
            else if (x) scores_of_unit(n, x, means, w, p, s, t, lower, upper, shifts, 0, into, 0);
            else if (down) scores_of_unit(n, 0, means, w, p, s, t, lower, upper, shifts, fields, into, down);
            else scores_of_unit(n, 0, means, w, p, s, t, lower, upper, shifts, 0, into, 0);
            if (down) fields += n;
        }
        if (x) x += n;
        if (down) down += n;
    }
}

/* m <- psi m + (1 - psi) tanh(H - shift) on every edge; H (replicas, units, n), psi one a replica */
void follow(int64_t replicas, int64_t rows, int64_t units, int64_t n, const float *restrict field,
            const float *restrict shifts, const float *restrict damping, float *restrict means) {
    for (int64_t r = 0; r < replicas; r++, field += units * n)
        for (int64_t a = 0; a < rows; a++, shifts += units * n, means += units * n)
            for (int64_t i = 0; i < units * n; i++)
                means[i] += (1 - damping[r]) * (tanh_of(field[i] - shifts[i]) - means[i]);
}
"""
