#include "policies.hpp"

#include <algorithm>
#include <array>
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
        const survey all(from);
        return lowest(from.candidates(), [&](std::size_t i) { return all.points(from, i); });
    }
    std::optional<double> rating(const rotation_view& from, std::size_t candidate) const noexcept override {
        return survey(from).points(from, candidate);
    }

private:
    static constexpr double untold = std::numeric_limits<double>::infinity();

    struct measures {
        double latency; ///< untold: not known
        double cost;    ///< the same
        double load;
        double faults; ///< points that nobody is compared with others for
    };

    class survey {
    public:
        explicit survey(const rotation_view& from) noexcept {
            measures best{untold, untold, untold, 0};
            from.candidates().for_each([&](std::size_t i) {
                measures& m = known_[std::min(i, known_.size() - 1)];
                measure(from, i, m);
                best.latency = std::min(best.latency, m.latency);
                best.cost = std::min(best.cost, m.cost);
                best.load = std::min(best.load, m.load);
            });
            per_latency_ = 1 / best.latency;
            per_cost_ = 1 / best.cost;
            per_load_ = 1 / best.load;
        }
        /// @pre it is a candidate.
        [[nodiscard]] double points(const rotation_view& from, std::size_t i) const noexcept {
            if (i < known_.size() - 1) return points(known_[i]);
            measures m;
            measure(from, i, m);
            return points(m);
        }

    private:
        // In place: a copy would wait for each of its parts to be written.
        static void measure(const rotation_view& from, std::size_t i, measures& m) noexcept {
            const std::optional<headroom> left = from.headroom(i);
            m.latency = from.recent_latency(i).value_or(untold);
            m.cost = expected_cost(from, i).value_or(untold);
            m.load = from.in_flight(i) + 1.0;
            m.faults = 10 * from.error_rate(i) + (left ? left->usage : 0);
        }
        [[nodiscard]] double points(const measures& m) const noexcept {
            return ratio(m.latency, per_latency_) + ratio(m.cost, per_cost_) + m.load * per_load_ + m.faults;
        }
        static double ratio(double value, double per_best) noexcept {
            constexpr double unknown = 2;
            if (value == untold) return unknown;
            // What costs nothing is no measure for the others.
            if (per_best == untold) return value <= 0 ? 1 : unknown;
            return value * per_best;
        }

        double per_latency_; ///< one divided by the best: a multiplication takes a fifth of a division
        double per_cost_;
        double per_load_;
        /// By number, of candidates, so that none of them is read twice; the last place is for the numbers above.
        std::array<measures, 65> known_;
    };
};

} // namespace

std::unique_ptr<rotation_policy> make_score(const rotation_settings&) { return std::make_unique<score>(); }

} // namespace modelmesh::connector
