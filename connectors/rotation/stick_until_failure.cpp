#include "policies.hpp"

namespace modelmesh::connector {
namespace {

// One model for all requests until it fails, then the next in the pool's order, going round. A model that recovers
// does not take the requests back.
class stick_until_failure final : public rotation_policy {
public:
    std::optional<std::size_t> choose(const rotation_view& from, rng&) const noexcept override {
        return from.candidates().next_around(from.cursor());
    }
    void move_on(rotation_view& from, std::size_t failed) const noexcept override {
        const std::size_t cursor = from.cursor();
        // It may stand before the model, on some that are out of service. Where one of them could be asked,
        // another request has moved it already.
        for (std::size_t at = cursor; at % from.size() != failed; ++at)
            if (from.candidates().contains(at % from.size())) return;
        from.move_cursor(cursor, (failed + 1) % from.size());
    }
};

} // namespace

std::unique_ptr<rotation_policy> make_stick_until_failure(const rotation_settings&) {
    return std::make_unique<stick_until_failure>();
}

} // namespace modelmesh::connector
