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
        const best_of_each best(from);
        return lowest(from.candidates(), [&](std::size_t i) { return points(from, i, best); });
    }
    std::optional<double> rating(const rotation_view& from, std::size_t candidate) const noexcept override {
        return points(from, candidate, best_of_each(from));
    }

private:
    struct best_of_each {
        explicit best_of_each(const rotation_view& from) noexcept {
            const model_set& among = from.candidates();
            for (std::size_t i = among.next(0); i < among.size(); i = among.next(i + 1)) {
                latency = std::min(latency, from.recent_latency(i).value_or(latency));
                cost = std::min(cost, expected_cost(from, i).value_or(cost));
                in_flight = std::min(in_flight, from.in_flight(i));
            }
        }
        double latency = std::numeric_limits<double>::infinity();
        double cost = std::numeric_limits<double>::infinity();
        unsigned in_flight = std::numeric_limits<unsigned>::max();
    };

    static double points(const rotation_view& from, std::size_t i, const best_of_each& best) noexcept {
        const std::optional<headroom> left = from.headroom(i);
        return ratio(from.recent_latency(i), best.latency) + ratio(expected_cost(from, i), best.cost) +
               (from.in_flight(i) + 1.0) / (best.in_flight + 1.0) + 10 * from.error_rate(i) +
               (left ? left->usage : 0);
    }
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
