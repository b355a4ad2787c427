// Running a call through the middlewares of its client.
#pragma once

#include "core/cancellation.hpp"

#include <modelmesh/core/function.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/middleware.hpp>

#include <cassert>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::detail {

/// The middlewares of one client, outermost first. Immutable; shared by its calls and streams.
class onion {
public:
    /// @param log  outlives it; may be null.
    onion(std::vector<std::shared_ptr<middleware>> layers, log_sink* log);

    [[nodiscard]] const std::vector<std::shared_ptr<middleware>>& layers() const noexcept { return layers_; }
    /// Those of them that look at attempts, in the same order.
    [[nodiscard]] const std::vector<std::shared_ptr<middleware>>& attempt_layers() const noexcept {
        return attempt_layers_;
    }

    /// A hook has thrown: writes `middleware.failed`. The call's failure where the middleware is to fail
    /// closed.
    [[nodiscard]] std::optional<fault> broken(const middleware& by, const std::string& request_id,
                                              const std::exception_ptr& thrown) const noexcept;

private:
    std::vector<std::shared_ptr<middleware>> layers_;
    std::vector<std::shared_ptr<middleware>> attempt_layers_;
    log_sink* log_;
};

/// Asio's report of a cancellation, which is no defect of the code that it passes through.
[[nodiscard]] bool is_cancellation(const std::exception_ptr& thrown) noexcept;

/// One call on its way in and out. The layers, the context and what `innermost` refers to outlive it.
template <class Reply> class onion_run {
public:
    onion_run(const onion& layers, request_context& context, function<task<result<Reply>>()> innermost)
        : layers_(&layers), context_(&context), innermost_(std::move(innermost)),
          inside_(layers.layers().size() + 1) {}

    /// The reply as the layer of this number and those further in make it.
    task<result<Reply>> from(std::size_t layer) {
        if (layer == layers_->layers().size()) co_return co_await innermost_();
        middleware& here = *layers_->layers()[layer];
        inside& within = inside_[layer];
        within = inside();
        std::exception_ptr thrown;
        try {
            const basic_next<Reply> further_in(*this, layer);
            co_return co_await ask(here, further_in);
        } catch (...) {
            thrown = std::current_exception();
        }
        // What came from further in is passed on as it is: this layer is not to blame for it.
        if (within.thrown) std::rethrow_exception(within.thrown);
        if (is_cancellation(thrown)) std::rethrow_exception(thrown);
        if (std::optional<fault> closed = layers_->broken(here, context_->request_id(), thrown))
            co_return std::move(*closed);
        if (within.outcome) co_return std::move(*within.outcome);
        co_return co_await from(layer + 1);
    }

private:
    friend class basic_next<Reply>;

    /// What a layer has got from further in.
    struct inside {
        std::optional<result<Reply>> outcome{};
        std::exception_ptr thrown{};
    };

    task<result<Reply>> ask(middleware& here, basic_next<Reply> further_in) {
        if constexpr (std::is_same_v<Reply, whole_reply>)
            return here.handle(*context_, further_in);
        else
            return here.handle_stream(*context_, further_in);
    }

    const onion* layers_;
    request_context* context_;
    function<task<result<Reply>>()> innermost_;
    std::vector<inside> inside_;
};

} // namespace modelmesh::detail

namespace modelmesh {

template <class Reply> task<result<Reply>> basic_next<Reply>::operator()() const {
    auto& within = run_->inside_[layer_];
    within.outcome.reset();
    try {
        result<Reply> got = co_await run_->from(layer_ + 1);
        within.outcome.emplace(got);
        co_return got;
    } catch (...) {
        within.thrown = std::current_exception();
        throw;
    }
}

} // namespace modelmesh
