#include <modelmesh/connector/backoff.hpp>

#include <algorithm>
#include <cmath>

namespace modelmesh::connector {

duration backoff::pause_before(unsigned retry, rng& random) const noexcept {
    using milliseconds = std::chrono::duration<double, std::milli>;
    const milliseconds first = std::min(initial_delay, max_delay);
    if (!has_jitter) return std::chrono::duration_cast<duration>(first);
    const int doublings = static_cast<int>(std::clamp(retry, 1u, 64u)) - 1;
    const double longest = std::min(milliseconds(max_delay).count(), std::ldexp(first.count(), doublings));
    return std::chrono::duration_cast<duration>(milliseconds(longest * random.unit()));
}

} // namespace modelmesh::connector
