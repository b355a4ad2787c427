#include "policies.hpp"

#include <limits>

namespace modelmesh::connector {
namespace {

constexpr headroom unlimited{0, std::numeric_limits<double>::infinity()};

// The preferred candidate, by the pool's priorities and order, until it has used up most of its limit; then the one
// that can take most further requests. When all are near their limits, the same.
class rate_limit_aware final : public rotation_policy {
public:
    explicit rate_limit_aware(double threshold) : threshold_(threshold) {}

    std::optional<std::size_t> choose(const rotation_view& from, rng&) const noexcept override {
        const model_set& among = from.candidates();
        const auto left = [&from](std::size_t i) { return from.headroom(i).value_or(unlimited); };
        const std::size_t preferred =
            lowest(among, [&from](std::size_t i) { return from.model(i).priority; });
        if (left(preferred).usage < threshold_) return preferred;
        // Below the threshold first, then by what is left.
        return lowest(among, [&](std::size_t i) {
            const headroom h = left(i);
            return std::pair(h.usage >= threshold_, -h.requests);
        });
    }

    std::optional<std::size_t> regardless_of_limits(const rotation_view& from) const noexcept override {
        return lowest(from.candidates(), [&from](std::size_t i) { return from.model(i).priority; });
    }

private:
    double threshold_;
};

} // namespace

std::unique_ptr<rotation_policy> make_rate_limit_aware(const rotation_settings& settings) {
    return std::make_unique<rate_limit_aware>(settings.rate_limit_threshold);
}

} // namespace modelmesh::connector
