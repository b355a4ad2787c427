#include "policies.hpp"

namespace modelmesh::connector {
namespace {

// Each model in turn. The ring is of all models of the pool: one that is out of service is skipped and comes back
// to its place.
class round_robin final : public rotation_policy {
public:
    std::optional<std::size_t> choose(const rotation_view& from, rng&) const noexcept override {
        return from.candidates().next_around(static_cast<std::size_t>(from.position(0)));
    }
    void commit(rotation_view& from, std::size_t chosen) const noexcept override {
        from.set_position(0, static_cast<double>((chosen + 1) % from.size()));
    }
    position_words positions() const noexcept override { return {.cursors = 1, .per_model = 0}; }
};

} // namespace

std::unique_ptr<rotation_policy> make_round_robin(const rotation_settings&) {
    return std::make_unique<round_robin>();
}

} // namespace modelmesh::connector
