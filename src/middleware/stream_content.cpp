#include "middleware/stream_content.hpp"

#include "proto/sse.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace modelmesh {
namespace detail {
namespace {

/// A chunk that readers may read past the end of.
std::string_view padded(std::string& chunk) {
    chunk.reserve(chunk.size() + proto::sse_decoder::padding);
    return chunk;
}

/// A stream of chunks that are there already.
class given_stream final : public router::reply_stream {
public:
    explicit given_stream(std::shared_ptr<const std::vector<std::string>> chunks)
        : chunks_(std::move(chunks)) {}

    result<router::stream_state> try_next(std::string_view& piece) override {
        if (failure_) return *failure_;
        if (next_ == chunks_->size()) return router::stream_state::end;
        current_ = (*chunks_)[next_++];
        piece = padded(current_);
        return router::stream_state::chunk;
    }
    task<result<void>> wait() override { co_return result<void>(); }
    std::optional<fault> fail(fault f) override {
        if (failure_) return failure_;
        if (f.kind() != errc::canceled) failure_ = f;
        return f;
    }
    void served() override {}

private:
    std::shared_ptr<const std::vector<std::string>> chunks_;
    std::size_t next_ = 0;
    std::string current_;
    std::optional<fault> failure_;
};

class watched_stream final : public router::reply_stream {
public:
    watched_stream(stream_content& content, std::shared_ptr<const onion> layers,
                   std::shared_ptr<request_context> context)
        : layers_(std::move(layers)), context_(std::move(context)), session_(std::move(content.session)),
          route_(std::move(content.route)), watchers_(std::move(content.watchers)) {
        for (stream_content::watching& each : watchers_)
            if (each.watcher->sees_chunks()) see_chunks_.push_back(&each);
    }
    ~watched_stream() override {
        const fault gone(errc::canceled, "the reader went away");
        ended(is_served_ ? nullptr : &gone, false);
    }

    result<router::stream_state> try_next(std::string_view& piece) override {
        if (failure_) return *failure_;
        const result<router::stream_state> state = session_->try_next(piece);
        if (!state) {
            const fault failure = state.error();
            if (failure.kind() != errc::canceled) ended(&failure);
            return state;
        }
        if (*state == router::stream_state::end) ended(nullptr, true);
        if (*state != router::stream_state::chunk || see_chunks_.empty()) return state;
        return show(piece);
    }
    task<result<void>> wait() override { return session_->wait(); }
    std::optional<fault> fail(fault f) override {
        if (failure_) return failure_;
        std::optional<fault> final = session_->fail(std::move(f));
        if (final && final->kind() != errc::canceled) ended(&*final);
        return final;
    }
    void served() override {
        is_served_ = true;
        if (session_) session_->served();
    }
    [[nodiscard]] std::optional<std::int64_t> cost() const noexcept override {
        return session_ ? session_->cost() : std::nullopt;
    }
    [[nodiscard]] std::optional<router::token_counts> tokens() const noexcept override {
        return session_ ? session_->tokens() : std::nullopt;
    }
    [[nodiscard]] const modelmesh::route* moved_to() const noexcept override {
        return session_ ? session_->moved_to() : nullptr;
    }

private:
    // From the innermost to the outermost, in which order they were added.
    result<router::stream_state> show(std::string_view& piece) {
        stream_chunk chunk(piece);
        for (stream_content::watching*& each : see_chunks_) {
            if (each == nullptr) continue; // it has thrown
            result<void> seen = see(*each, chunk);
            if (!seen) return give_up(std::move(seen).error());
            if (each->watcher == nullptr) each = nullptr;
        }
        if (!chunk.is_replaced()) return router::stream_state::chunk;
        replaced_ = chunk.data();
        piece = padded(replaced_);
        return router::stream_state::chunk;
    }

    result<void> see(stream_content::watching& each, stream_chunk& chunk) {
        try {
            return each.watcher->on_chunk(chunk);
        } catch (...) {
            std::optional<fault> closed =
                layers_->broken(*each.by, context_->request_id(), std::current_exception());
            each.watcher.reset();
            if (closed) return std::move(*closed);
            return {};
        }
    }

    // Not session_->fail(): the model did nothing wrong. Whoever drops a stream says nothing about it.
    fault give_up(fault f) {
        failure_ = f;
        ended(&f);
        session_.reset();
        return f;
    }

    void ended(const fault* failure, bool is_whole = false) noexcept {
        if (std::exchange(has_ended_, true)) return;
        if (const modelmesh::route* const now = moved_to()) route_ = *now;
        route_.cost_micro_usd = cost();
        if (const std::optional<router::token_counts> used = tokens()) {
            route_.input_tokens = used->input;
            route_.output_tokens = used->output;
        }
        for (stream_content::watching& each : watchers_) {
            if (!each.watcher) continue;
            try {
                each.watcher->on_end({failure, is_whole, route_});
            } catch (...) {
                // The reader has the whole reply by now: there is nothing left to fail.
                (void)layers_->broken(*each.by, context_->request_id(), std::current_exception());
            }
        }
    }

    std::shared_ptr<const onion> layers_;
    std::shared_ptr<request_context> context_; ///< the watchers refer to it
    std::unique_ptr<router::reply_stream> session_;
    modelmesh::route route_;
    std::vector<stream_content::watching> watchers_;
    std::vector<stream_content::watching*> see_chunks_;
    std::string replaced_;
    bool is_served_ = false;
    bool has_ended_ = false;
    std::optional<fault> failure_;
};

} // namespace

streamed_reply stream_content::wrap(std::unique_ptr<router::reply_stream> session, modelmesh::route route) {
    auto content = std::make_shared<stream_content>();
    content->session = std::move(session);
    content->route = std::move(route);
    return streamed_reply(std::move(content));
}

std::unique_ptr<router::reply_stream> watched(stream_content& content, std::shared_ptr<const onion> layers,
                                              std::shared_ptr<request_context> context) {
    if (content.watchers.empty()) return std::move(content.session);
    return std::make_unique<watched_stream>(content, std::move(layers), std::move(context));
}

} // namespace detail

streamed_reply streamed_reply::of(std::shared_ptr<const std::vector<std::string>> chunks) {
    return detail::stream_content::wrap(std::make_unique<detail::given_stream>(std::move(chunks)), {});
}

} // namespace modelmesh
