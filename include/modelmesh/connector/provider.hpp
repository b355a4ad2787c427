// The provider connector: a pure codec between the mesh's requests and one vendor's HTTP interface.
#pragma once

#include <modelmesh/connector/object_call.hpp>
#include <modelmesh/connector/prepared_request.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/http/message.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::connector {

/// Where one attempt goes. The views are owned by the configuration snapshot and outlive the call.
struct target {
    std::string_view base_path; ///< path part of the provider's base URL, without a trailing slash
    std::string_view model;     ///< the vendor's own name of the model; empty for calls about no model
    std::string_view api_key;   ///< empty when the provider needs none
};

/// A model that a provider says it serves.
struct model_info {
    std::string name; ///< the vendor's own name
    /// What pools may choose it for by themselves: canonical paths. Who names the model gets it anyhow.
    std::vector<std::string> capabilities;

    friend bool operator==(const model_info&, const model_info&) = default;
};

/// How a streamed body is cut into frames; the core does the cutting.
enum class framing : std::uint8_t {
    sse,
    none, ///< a frame is what has arrived
};

/// One frame of a streamed body. Views are valid during the call that receives it.
struct frame {
    std::string_view event; ///< SSE event name, empty when there was none
    std::string_view data;  ///< payload; 64 bytes past its end may be read
};

/// Takes what a frame means. Views passed to it must stay valid until the next frame.
class frame_sink {
public:
    /// One chunk in the format of the request's operation: JSON, or bytes of speech.
    virtual void chunk(std::string_view piece) = 0;
    /// The stream ended as the vendor's protocol says it must.
    virtual void done() = 0;

protected:
    ~frame_sink() = default;
};

/// Decoder of one streamed reply: has the state of that stream only.
class stream_decoder {
public:
    virtual ~stream_decoder() = default;
    [[nodiscard]] virtual connector::framing framing() const noexcept { return connector::framing::sse; }
    /// Errors: the vendor's error event as its class of fault; protocol for what its format does not allow.
    virtual result<void> on_frame(const frame& input, frame_sink& output) = 0;
    /// The body ended. Errors: protocol when the vendor's format demands an end mark that never came.
    virtual result<void> on_end(frame_sink& output) = 0;
};

/// One vendor's wire format. Does no I/O, keeps no state between calls, and knows nothing of retries.
/// Failures are returned. An exception is a defect: it fails the attempt with `internal`, and the next model
/// of the pool is tried.
/// Threads: every function may be called from several threads at once.
class provider {
public:
    virtual ~provider() = default;

    /// Writes the HTTP request of one attempt.
    /// Errors: unsupported when the vendor cannot do what the request asks, naming the parameter.
    virtual result<void> encode(const prepared_request& input, const target& to,
                                http::request& output) const = 0;
    /// Turns a response with a 2xx status into a reply in the format of the request's operation: its JSON, or the
    /// bytes of speech.
    /// Errors: protocol when the body is not what the vendor promises.
    virtual result<std::string> decode(const prepared_request& input, http::response&& answer) const = 0;
    /// Classifies a response with any other status.
    /// @param wall  now, for waits that end at a date.
    [[nodiscard]] virtual fault classify(const http::response& answer,
                                         std::chrono::system_clock::time_point wall) const = 0;

    /// Never null.
    [[nodiscard]] virtual std::unique_ptr<stream_decoder> open_stream(
        const prepared_request& input) const = 0;

    /// Writes the HTTP request of a call about an object that the provider keeps. What a 2xx status comes with
    /// is the answer in OpenAI's format, or bytes; any other status is classified.
    /// Errors: unsupported when the vendor has no such call.
    virtual result<void> encode_object(const object_call& input, const target& to,
                                       http::request& output) const {
        static_cast<void>(to);
        static_cast<void>(output);
        return fault(errc::unsupported, "no calls about " + input.path.front());
    }

    /// Decoder of an answer that is events (object_call::is_streamed), which it gives in OpenAI's format. Null when
    /// the vendor has no such answers.
    [[nodiscard]] virtual std::unique_ptr<stream_decoder> open_object_stream(const object_call& input) const {
        static_cast<void>(input);
        return nullptr;
    }

    /// Where the service is when a configuration file does not say it; empty: it has to.
    [[nodiscard]] virtual std::string_view default_base_url() const noexcept { return {}; }
    /// What a model can do that is configured by its name alone: canonical paths.
    [[nodiscard]] virtual std::vector<std::string> capabilities_of(std::string_view model) const {
        static_cast<void>(model);
        return {std::string(capability_of(operation::chat_completion))};
    }
    /// Request and reply of the vendor's list of models.
    virtual result<void> encode_list_models(const target& to, http::request& output) const = 0;
    virtual result<std::vector<model_info>> decode_list_models(http::response&& answer) const = 0;
};

} // namespace modelmesh::connector
