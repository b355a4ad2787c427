#include "policies.hpp"

#include <algorithm>
#include <limits>

namespace modelmesh::connector {
namespace {

// The candidate that is best in all: each of these costs points, and the fewest win.
// - latency and price: how many times those of the best candidate they are; where they are not known, twice.
// - load: its attempts under way, for each that the least loaded candidate has, itself included.
// - failures: ten points if all of its last attempts failed. - limits: up to one point, for what is used up.
class score final : public rotation_policy {
public:
    std::optional<std::size_t> choose(const rotation_view& from, rng&) const noexcept override {
        const model_set& among = from.candidates();
        double fastest = std::numeric_limits<double>::infinity();
        double cheapest = fastest;
        unsigned idlest = std::numeric_limits<unsigned>::max();
        for (std::size_t i = among.next(0); i < among.size(); i = among.next(i + 1)) {
            fastest = std::min(fastest, from.recent_latency(i).value_or(fastest));
            cheapest = std::min(cheapest, expected_cost(from, i).value_or(cheapest));
            idlest = std::min(idlest, from.in_flight(i));
        }
        return lowest(among, [&](std::size_t i) {
            const std::optional<headroom> left = from.headroom(i);
            return ratio(from.recent_latency(i), fastest) + ratio(expected_cost(from, i), cheapest) +
                   (from.in_flight(i) + 1.0) / (idlest + 1.0) + 10 * from.error_rate(i) +
                   (left ? left->usage : 0);
        });
    }

private:
    static double ratio(std::optional<double> value, double best) noexcept {
        constexpr double unknown = 2;
        if (!value) return unknown;
        // What costs nothing is no measure for the others.
        if (best <= 0) return *value <= 0 ? 1 : unknown;
        return *value / best;
    }
};

} // namespace

std::unique_ptr<rotation_policy> make_score(const rotation_settings&) { return std::make_unique<score>(); }

} // namespace modelmesh::connector
