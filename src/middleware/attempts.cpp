#include "middleware/attempts.hpp"

namespace modelmesh::detail {
namespace {

class hooks_of_call final : public router::attempt_hooks {
public:
    hooks_of_call(std::shared_ptr<const onion> layers, std::shared_ptr<request_context> context)
        : layers_(std::move(layers)), context_(std::move(context)) {}

    result<void> begin(const router::attempt_place& at, http::headers& headers) override {
        attempt_context seen = seen_of(at);
        for (const std::shared_ptr<middleware>& each : layers_->attempt_layers()) {
            if (const result<void> done = begin_one(*each, seen); !done) return done.error();
        }
        for (const http::header added : seen.headers)
            if (!headers.contains(added.name)) headers.add(added.name, added.value);
        return {};
    }

    void end(const router::attempt_place& at, const fault* failure) noexcept override {
        attempt_context seen = seen_of(at);
        const auto& all = layers_->attempt_layers();
        for (auto each = all.rbegin(); each != all.rend(); ++each) { // as a reply goes: outwards
            try {
                (*each)->after_attempt(seen, failure);
            } catch (...) {
                // The outcome of the attempt stands; a middleware that is to fail closed fails the next call.
                (void)layers_->broken(**each, context_->request_id(), std::current_exception());
            }
        }
    }

private:
    [[nodiscard]] attempt_context seen_of(const router::attempt_place& at) noexcept {
        return attempt_context(*context_, at.pool, at.provider, at.model, at.number);
    }

    result<void> begin_one(middleware& by, attempt_context& seen) {
        try {
            return by.before_attempt(seen);
        } catch (...) {
            if (std::optional<fault> closed =
                    layers_->broken(by, context_->request_id(), std::current_exception()))
                return std::move(*closed);
            return {};
        }
    }

    std::shared_ptr<const onion> layers_;
    std::shared_ptr<request_context> context_;
};

} // namespace

std::shared_ptr<router::attempt_hooks> attempts_of(std::shared_ptr<const onion> layers,
                                                   std::shared_ptr<request_context> context) {
    if (layers->attempt_layers().empty()) return nullptr;
    return std::make_shared<hooks_of_call>(std::move(layers), std::move(context));
}

} // namespace modelmesh::detail
