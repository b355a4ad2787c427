#include "router/object_request.hpp"

#include "router/attempt_log.hpp"
#include "router/decoded_stream.hpp"
#include "router/guarded.hpp"

#include <modelmesh/http/body_source.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace modelmesh::router {

namespace {

constexpr int most_attempts = 3;
constexpr std::chrono::milliseconds pause_after_lost_connection{100};

// Completes `f` with who failed, and takes the key out of its text.
void settle(const provider_entry& by, fault& f) {
    f.provider = by.id;
    by.redact(f.message);
    by.redact(f.param);
}

// An answer as it arrives. Its failures are the provider's, and no model's.
class object_stream : public reply_stream {
public:
    explicit object_stream(object_request asked) : asked_(std::move(asked)) {}

    result<stream_state> try_next(std::string_view& piece) final {
        if (failure_) return *failure_;
        const result<stream_state> state = read(piece);
        if (!state) return *fail(state.error());
        return state;
    }
    std::optional<fault> fail(fault f) final {
        if (failure_) return *failure_;
        settle(*asked_.provider, f);
        if (f.kind() != errc::canceled) failure_ = f;
        return f;
    }
    void served() final {}

private:
    virtual result<stream_state> read(std::string_view& piece) = 0;

    object_request asked_;
    std::optional<fault> failure_; ///< the first one; every later read fails the same way
};

class byte_stream final : public object_stream {
public:
    byte_stream(object_request asked, std::unique_ptr<router::body> body)
        : object_stream(std::move(asked)), body_(std::move(body)) {}

    task<result<void>> wait() override { return body_->wait(); }

private:
    result<stream_state> read(std::string_view& piece) override {
        const result<body_state> state = body_->try_read(piece);
        if (!state) return state.error();
        switch (*state) {
        case body_state::slice:
            return stream_state::chunk;
        case body_state::would_block:
            return stream_state::pending;
        case body_state::end:
            break;
        }
        return stream_state::end;
    }

    std::unique_ptr<router::body> body_;
};

class event_stream final : public object_stream {
public:
    event_stream(object_request asked, std::unique_ptr<connector::stream_decoder> decoder,
                 std::unique_ptr<router::body> body)
        : object_stream(std::move(asked)), input_(std::move(decoder), std::move(body)) {}

    task<result<void>> wait() override { return input_.wait(); }

private:
    result<stream_state> read(std::string_view& piece) override { return input_.try_next(piece); }

    decoded_stream input_;
};

// Whether all of them can be read again.
bool rewind(const std::vector<attached_file>& files) {
    return std::all_of(files.begin(), files.end(),
                       [](const attached_file& each) { return each.file.source->rewind(); });
}

// The decisions of one call: whether another attempt may follow a failure. No I/O.
class attempts {
public:
    attempts(const object_request& asked, const clock& time)
        : asked_(&asked), clock_(&time), started_(time.now()), attempt_started_(started_) {}

    void begin() {
        ++number_;
        attempt_started_ = clock_->now();
    }
    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] time_point started() const noexcept { return started_; }

    /// Ends the current attempt badly. How long to wait before the next one; nothing: the failure ends the call.
    [[nodiscard]] std::optional<duration> failed(fault& f) {
        const time_point now = clock_->now();
        settle(*asked_->provider, f);
        made_.push_back(attempt{{},
                                f.provider,
                                f.kind(),
                                f.http_status,
                                std::chrono::duration_cast<std::chrono::microseconds>(now - attempt_started_),
                                f.message});
        f.attempts = made_;
        const std::optional<duration> wait = wait_after(f);
        const bool may_repeat = wait && number_ < most_attempts && *wait < asked_->deadline - now;
        if (!may_repeat || !rewind(asked_->call->files)) return std::nullopt;
        return wait;
    }

    /// Whether the provider has refused a key that may be another one by now, for the first time.
    [[nodiscard]] bool may_have_other_key(const fault& f) const {
        return is_refused_key(f) && asked_->provider->renewal && !has_other_key_ &&
               rewind(asked_->call->files);
    }
    /// Asks the provider as it is there from now on. @param of  the call that these are of.
    [[nodiscard]] bool go_on_in(const std::shared_ptr<const snapshot>& next, object_request& of) {
        const result<const provider_entry*> provider = next->find_provider(of.provider->id);
        if (!provider) return false;
        of.provider = *provider;
        of.picture = next;
        return has_other_key_ = true;
    }

private:
    [[nodiscard]] std::optional<duration> wait_after(const fault& f) const {
        const bool is_safe = asked_->call->is_safe();
        const bool is_busy = f.kind() == errc::rate_limit || (is_safe && f.kind() == errc::overloaded);
        if (is_busy && f.retry_after) return *f.retry_after;
        if (is_safe && f.kind() == errc::connect) return pause_after_lost_connection;
        return std::nullopt;
    }

    const object_request* asked_;
    const clock* clock_;
    int number_ = 0;
    bool has_other_key_ = false; ///< than the call began with
    time_point started_;
    time_point attempt_started_;
    std::vector<attempt> made_;
};

fault of_provider(const provider_entry& by, fault f) {
    f.message.insert(0, "provider '" + by.id + "': ");
    return f;
}

result<std::shared_ptr<const http::request>> encode(const object_request& asked) {
    const provider_entry& to = *asked.provider;
    auto request = std::make_shared<http::request>();
    result<void> encoded =
        guarded([&] { return to.codec->encode_object(*asked.call, to.target_for({}), *request); });
    if (!encoded) return of_provider(to, std::move(encoded).error());
    request->is_replayable = asked.call->is_safe();
    request->is_sent_once = !asked.call->is_safe();
    return std::shared_ptr<const http::request>(std::move(request));
}

// Before anything is sent: a provider without such answers may still do what it is asked.
result<std::unique_ptr<connector::stream_decoder>> open_decoder(const object_request& asked) {
    using decoder = result<std::unique_ptr<connector::stream_decoder>>;
    const provider_entry& to = *asked.provider;
    decoder made = guarded([&] { return decoder(to.codec->open_object_stream(*asked.call)); });
    if (made && *made == nullptr)
        made = fault(errc::unsupported, "no streams about " + asked.call->path.front());
    if (made) return made;
    fault f = of_provider(to, std::move(made).error());
    settle(to, f);
    return f;
}

enum class reading : bool { whole, streamed };

// The references of this coroutine and of those below outlive it: each is awaited where they are owned.
task<result<opened>> send(transport& via, const object_request& asked, reading how) {
    result<std::shared_ptr<const http::request>> request = encode(asked);
    if (!request) co_return std::move(request).error();
    result<opened> answer = opened();
    if (how == reading::streamed) {
        answer = co_await via.open(asked.provider->where, std::move(*request), patience(asked.deadline));
    } else {
        result<http::response> whole =
            co_await via.exchange(asked.provider->where, std::move(*request), patience(asked.deadline));
        if (whole)
            answer->head = std::move(*whole);
        else
            answer = std::move(whole).error();
    }
    if (!answer || is_success(answer->head.status)) co_return std::move(answer);
    co_return guarded([&] { return asked.provider->codec->classify(answer->head, via.time().wall()); });
}

modelmesh::route route_of(const transport& via, const object_request& asked, const attempts& plan) {
    modelmesh::route r;
    r.provider = asked.provider->id;
    r.attempts = plan.number();
    r.engine = via.engine_name();
    r.request_id = asked.id.text();
    r.latency = std::chrono::duration_cast<std::chrono::milliseconds>(via.time().now() - plan.started());
    return r;
}

task<result<object_answer>> ask(transport& via, log_sink* log, object_request asked, reading how) {
    attempts plan(asked, via.time());
    std::unique_ptr<connector::stream_decoder> decoder;
    if (asked.call->is_streamed) {
        result<std::unique_ptr<connector::stream_decoder>> made = open_decoder(asked);
        if (!made) co_return std::move(made).error();
        decoder = std::move(*made);
    }
    for (;;) {
        plan.begin();
        result<opened> got = co_await send(via, asked, how);
        if (got) {
            object_answer answer;
            answer.route = route_of(via, asked, plan);
            answer.body = std::move(got->head.body);
            if (decoder)
                answer.stream = std::make_unique<event_stream>(std::move(asked), std::move(decoder),
                                                               std::move(got->body));
            else if (how == reading::streamed)
                answer.stream = std::make_unique<byte_stream>(std::move(asked), std::move(got->body));
            co_return std::move(answer);
        }
        fault failure = std::move(got).error();
        const std::optional<duration> wait = plan.failed(failure);
        report_failure(log, asked.id, failure.provider, {}, plan.number(), failure);
        if (!wait) {
            if (asked.keys && plan.may_have_other_key(failure)) {
                refusal refused{asked.picture, asked.provider, asked.id, asked.deadline};
                const result<std::shared_ptr<const snapshot>> next =
                    co_await asked.keys->renew(via, std::move(refused));
                if (!next) co_return next.error();
                if (*next && plan.go_on_in(*next, asked)) continue;
            }
            co_return std::move(failure);
        }
        const result<void> waited = co_await via.sleep_until(via.time().now() + *wait);
        if (!waited) co_return waited.error();
    }
}

} // namespace

task<result<object_answer>> ask_provider(transport& via, log_sink* log, object_request asked) {
    return ask(via, log, std::move(asked), reading::whole);
}
task<result<object_answer>> open_object(transport& via, log_sink* log, object_request asked) {
    return ask(via, log, std::move(asked), reading::streamed);
}

} // namespace modelmesh::router
