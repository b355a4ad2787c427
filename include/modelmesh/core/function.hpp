// A move-only std::function.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace modelmesh {

template <class Signature> class function;

/// Owns any callable, including one that cannot be copied. Calling an empty function is undefined.
/// Cost: one allocation on construction; a call is one indirect jump.
template <class R, class... Args> class function<R(Args...)> {
    struct concept_type {
        virtual ~concept_type() = default;
        virtual R call(Args... args) = 0;
    };
    template <class F> struct model final : concept_type {
        explicit model(F f) : callable(std::move(f)) {}
        R call(Args... args) override { return callable(std::forward<Args>(args)...); }
        F callable;
    };

public:
    function() = default;
    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, function> && std::is_invocable_r_v<R, F&, Args...>)
    function(F&& f) : target_(std::make_unique<model<std::remove_cvref_t<F>>>(std::forward<F>(f))) {}

    explicit operator bool() const noexcept { return target_ != nullptr; }
    R operator()(Args... args) { return target_->call(std::forward<Args>(args)...); }

private:
    std::unique_ptr<concept_type> target_;
};

} // namespace modelmesh
