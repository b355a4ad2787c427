#include <modelmesh/connector/chat_provider.hpp>

#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <utility>

namespace modelmesh::connector {
namespace {

result<chat::reply> completed(result<chat::reply> reply) {
    if (!reply) return reply;
    if (reply->choices.empty()) return fault(errc::protocol, "the reply has no choice");
    for (chat::choice& each : reply->choices) {
        const bool calls = each.message.tool_calls && !each.message.tool_calls->empty();
        if (!each.finish_reason) each.finish_reason = calls ? chat::finish::tool_calls : chat::finish::stop;
        if (each.message.role.text().empty()) each.message.role = chat::role::assistant;
    }
    if (reply->usage && reply->usage->total_tokens == 0)
        reply->usage->total_tokens = reply->usage->prompt_tokens + reply->usage->completion_tokens;
    return reply;
}

template <class To, class From> json::maybe<To> viewed(const json::maybe<From>& text) {
    if (!text) return {};
    return To(*text);
}

chat::delta delta_of(const chat::message& message) {
    chat::delta all;
    all.role = message.role.text();
    if (const std::string_view text = message.text(); !text.empty()) all.content = text;
    all.refusal = viewed<std::string_view>(message.refusal);
    if (!message.tool_calls) return all;
    std::vector<chat::tool_call_delta>& calls = all.tool_calls.emplace();
    for (const chat::tool_call& call : *message.tool_calls) {
        chat::tool_call_delta& next = calls.emplace_back();
        next.index = static_cast<std::int64_t>(calls.size()) - 1;
        next.id = std::string_view(call.id);
        next.type = std::string_view(call.type);
        if (!call.function) continue;
        next.function.emplace().name = std::string_view(call.function->name);
        next.function->arguments = std::string_view(call.function->arguments);
    }
    return all;
}

// A whole reply, taken in as bytes and given out as the chunks that OpenAI would have streamed.
class whole_reply_decoder final : public stream_decoder {
public:
    explicit whole_reply_decoder(const chat_provider& of) : of_(of) {}

    [[nodiscard]] connector::framing framing() const noexcept override { return framing::none; }
    result<void> on_frame(const frame& input, frame_sink&) override {
        body_ += input.data;
        return {};
    }
    result<void> on_end(frame_sink& output) override {
        const result<chat::reply> reply = completed(of_.read_reply(body_));
        if (!reply) return reply.error();
        chat::chunk chunk;
        chunk.id = reply->id;
        chunk.created = reply->created;
        chunk.model = reply->model;
        for (const chat::choice& each : reply->choices) {
            chat::chunk_choice& part = chunk.choices.emplace_back();
            part.index = each.index;
            part.delta = delta_of(each.message);
        }
        add(chunk);
        for (std::size_t i = 0; i < chunk.choices.size(); ++i) {
            chunk.choices[i].delta = {};
            chunk.choices[i].finish_reason = std::string_view(reply->choices[i].finish_reason->text());
        }
        add(chunk);
        if (reply->usage) {
            chunk.choices.clear();
            chunk.usage = reply->usage;
            add(chunk);
        }
        for (const std::string& each : chunks_)
            output.chunk(std::string_view(each).substr(0, each.size() - padding));
        output.done();
        return {};
    }

private:
    static constexpr std::size_t padding = 64; // readers may look behind the end of a chunk
    void add(const chat::chunk& chunk) { chunks_.push_back(json::write(chunk).append(padding, '\0')); }

    const chat_provider& of_;
    std::string body_;
    std::vector<std::string> chunks_; // live until the stream is closed
};

fault not_a_chat(std::string_view what) {
    return fault(errc::unsupported, std::string(what) + ": the provider has chats only");
}

} // namespace

result<void> chat_provider::encode(const prepared_request& input, const target& to,
                                   http::request& output) const {
    if (input.operation() != operation::chat_completion) return not_a_chat(capability_of(input.operation()));
    const result<chat::request> asked =
        json::read<chat::request>(input.json(), json::read_options(errc::bad_request));
    if (!asked) return asked.error();
    output.method = "POST";
    output.target = to.base_path;
    output.headers.set("Accept", "application/json");
    output.headers.set("Content-Type", "application/json");
    authorize(to, output.headers);
    return write_request(*asked, to, output);
}

result<std::string> chat_provider::decode(const prepared_request&, http::response&& answer) const {
    const result<chat::reply> reply = completed(read_reply(answer.body));
    if (!reply) return reply.error();
    return json::write(*reply);
}

std::unique_ptr<stream_decoder> chat_provider::open_stream(const prepared_request&) const {
    return std::make_unique<whole_reply_decoder>(*this);
}

result<void> chat_provider::encode_object(const object_call& input, const target&, http::request&) const {
    return not_a_chat(input.path.front());
}

std::unique_ptr<stream_decoder> chat_provider::open_object_stream(const object_call&) const {
    return nullptr;
}

std::vector<std::string> chat_provider::capabilities_of(std::string_view) const {
    return {std::string(capability_of(operation::chat_completion))};
}

} // namespace modelmesh::connector
