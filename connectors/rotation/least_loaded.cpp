#include "policies.hpp"

namespace modelmesh::connector {
namespace {

// Of two candidates at random, the one with fewer attempts under way. That is nearly as even as asking all of them,
// and threads that choose at the same time do not all choose the same.
class least_loaded final : public rotation_policy {
public:
    std::optional<std::size_t> choose(const rotation_view& from, rng& random) const noexcept override {
        const model_set& among = from.candidates();
        const std::size_t count = among.count();
        if (count == 1) return among.next(0);
        const std::size_t first = random.next() % count;
        std::size_t second = random.next() % (count - 1);
        if (second >= first) ++second;
        const std::size_t a = among.nth(first);
        const std::size_t b = among.nth(second);
        return from.in_flight(b) < from.in_flight(a) ? b : a;
    }
};

} // namespace

std::unique_ptr<rotation_policy> make_least_loaded(const rotation_settings&) {
    return std::make_unique<least_loaded>();
}

} // namespace modelmesh::connector
