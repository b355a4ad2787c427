// What a route answers, before it becomes bytes of HTTP: a whole body, pieces of bytes, or a row of events.
#pragma once

#include "script.hpp"
#include "wire.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace modelmesh::testing::detail {

/// What the replies of one simulator have in common, and the serial number of this one.
struct reply_context {
    std::string name;
    std::uint64_t serial = 0;
    bool keep_alive = true;
    std::string origin{}; ///< how the caller reached the simulator: "http://127.0.0.1:8100"
};

enum class delivery : std::uint8_t {
    whole,  ///< body(), with its length
    pieces, ///< the data of the events, one chunk each
    events, ///< server-sent events
};

struct stream_event {
    std::string data;
    std::string name{}; ///< of its `event:` line; empty: it has none
};

/// One answer. Equal inputs give equal bytes, except for the time of creation.
class answer {
public:
    answer() = default;
    answer(const answer&) = default;
    answer& operator=(const answer&) = default;
    virtual ~answer() = default;

    virtual delivery form() const = 0;
    /// Of a body, or of pieces.
    virtual std::string content_type() const { return "application/json"; }
    virtual std::string body() const { return {}; }
    /// Events of the stream, without the final [DONE].
    virtual std::size_t event_count() const { return 0; }
    virtual stream_event event(std::size_t /*position*/) const { return {}; }
    /// The event that tells of an error in the course of the stream.
    virtual stream_event failure(const api_error& error, std::size_t /*position*/) const {
        return {error_body(error)};
    }
    virtual bool ends_with_done() const { return true; }
};

/// An answer that is one body and nothing else.
class whole_answer final : public answer {
public:
    explicit whole_answer(std::string body, std::string content_type = "application/json")
        : body_(std::move(body)), content_type_(std::move(content_type)) {}
    delivery form() const override { return delivery::whole; }
    std::string content_type() const override { return content_type_; }
    std::string body() const override { return body_; }

private:
    std::string body_;
    std::string content_type_;
};

/// A request that a model answers: what the script asks about it, and how its answer is made.
struct model_request {
    std::string model;
    bool stream = false;
    std::function<std::shared_ptr<const answer>(const rule&, const reply_context&)> make{};
    bool names_model = true; ///< false: the request left the model to the provider
};

} // namespace modelmesh::testing::detail
