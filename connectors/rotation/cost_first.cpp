#include "policies.hpp"

#include <limits>

namespace modelmesh::connector {
namespace {

// The candidate that will charge least for this request. Those whose price is not known come last.
class cost_first final : public rotation_policy {
public:
    std::optional<std::size_t> choose(const rotation_view& from, rng&) const noexcept override {
        return lowest(from.candidates(), [&from](std::size_t i) {
            return expected_cost(from, i).value_or(std::numeric_limits<double>::infinity());
        });
    }
    std::optional<double> rating(const rotation_view& from, std::size_t candidate) const noexcept override {
        return expected_cost(from, candidate);
    }
};

} // namespace

std::unique_ptr<rotation_policy> make_cost_first(const rotation_settings&) {
    return std::make_unique<cost_first>();
}

} // namespace modelmesh::connector
