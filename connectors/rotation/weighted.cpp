#include "policies.hpp"

#include <limits>

namespace modelmesh::connector {
namespace {

// Smooth weighted round robin, as nginx has it: a model of weight 3 beside one of weight 1 gets three of four requests,
// but not all three in a row. position(i): what the model i is owed, in weights; those that are not candidates are
// owed no more than when they left. A model of weight 0 gets a request only when nobody else is there.
class weighted final : public rotation_policy {
public:
    std::optional<std::size_t> choose(const rotation_view& from, rng&) const noexcept override {
        return lowest(from.candidates(), [&from](std::size_t i) {
            const double weight = from.model(i).weight;
            return weight > 0 ? -(from.position(i) + weight) : std::numeric_limits<double>::infinity();
        });
    }
    void commit(rotation_view& from, std::size_t chosen) const noexcept override {
        double total = 0;
        from.candidates().for_each([&](std::size_t i) {
            total += from.model(i).weight;
            from.set_position(i, from.position(i) + from.model(i).weight);
        });
        from.set_position(chosen, from.position(chosen) - total);
    }
    position_words positions() const noexcept override { return {.cursors = 0, .per_model = 1}; }
};

} // namespace

std::unique_ptr<rotation_policy> make_weighted(const rotation_settings&) {
    return std::make_unique<weighted>();
}

} // namespace modelmesh::connector
