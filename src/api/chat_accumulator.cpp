#include <modelmesh/api/chat/accumulator.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace modelmesh::chat {
namespace {

// Of a text that comes in pieces: absent and null stay what they are until the first piece.
template <class Text> void append(json::maybe<Text>& whole, const json::maybe<std::string_view>& piece) {
    if (piece.is_null() && !whole) whole.set_null();
    if (!piece) return;
    if (!whole) whole.emplace();
    if constexpr (std::is_same_v<Text, content>)
        std::get<std::string>(*whole) += *piece;
    else
        *whole += *piece;
}

// Of what is said once.
void set(std::string& whole, const json::maybe<std::string_view>& said) {
    if (said && !said->empty()) whole = *said;
}
template <class T, class Said> void set(json::maybe<T>& whole, const json::maybe<Said>& said) {
    if (said)
        whole = T(*said);
    else if (said.is_null() && !whole)
        whole.set_null();
}

// JSON texts of which both are strings, or both arrays, become one.
std::string joined(std::string_view first, std::string_view second) {
    const auto both_are = [&](char open) { return first.front() == open && second.front() == open; };
    std::string whole(first);
    if (both_are('"')) {
        whole.pop_back();
        whole += second.substr(1);
    } else if (both_are('[')) {
        const auto is_empty = [](std::string_view array) {
            return array.find_first_not_of(" \t\r\n", 1) == array.size() - 1;
        };
        if (is_empty(first)) return std::string(second);
        if (is_empty(second)) return whole;
        whole.back() = ',';
        whole += second.substr(1);
    } else {
        whole = second;
    }
    return whole;
}

void set(json::extra& whole, const json::extra_view& said) {
    for (const auto& [name, value] : said) whole.set(name, value.text);
}
void append(json::extra& whole, const json::extra_view& pieces) {
    for (const auto& [name, value] : pieces) {
        const std::string_view before = whole.find(name);
        if (before.empty() || before == "null")
            whole.set(name, value.text);
        else if (value.text != "null")
            whole.set(name, joined(before, value.text));
    }
}

top_logprob owned(const top_logprob_view& view) {
    top_logprob made;
    made.token = view.token;
    made.logprob = view.logprob;
    made.bytes = view.bytes;
    set(made.extra, view.extra);
    return made;
}

token_logprob owned(const token_logprob_view& view) {
    token_logprob made;
    made.token = view.token;
    made.logprob = view.logprob;
    made.bytes = view.bytes;
    for (const top_logprob_view& top : view.top_logprobs) made.top_logprobs.push_back(owned(top));
    set(made.extra, view.extra);
    return made;
}

void append(json::maybe<std::vector<token_logprob>>& whole,
            const json::maybe<std::vector<token_logprob_view>>& more) {
    if (more.is_null() && !whole) whole.set_null();
    if (!more) return;
    if (!whole) whole.emplace();
    for (const token_logprob_view& token : *more) whole->push_back(owned(token));
}

void append(json::maybe<function_call>& whole, const json::maybe<function_delta>& more) {
    if (!more) return;
    if (!whole) whole.emplace();
    set(whole->name, more->name);
    if (more->arguments) whole->arguments += *more->arguments;
    append(whole->extra, more->extra);
}

void append(std::vector<tool_call>& whole, const tool_call_delta& more) {
    // A server that counts wrongly must not make us allocate: what is beyond the next one is the next one.
    const auto at = static_cast<std::size_t>(std::max<std::int64_t>(more.index, 0));
    if (at >= whole.size()) whole.emplace_back();
    tool_call& call = whole[std::min(at, whole.size() - 1)];
    set(call.id, more.id);
    set(call.type, more.type);
    append(call.function, more.function);
    append(call.extra, more.extra);
}

void append(json::maybe<audio>& whole, const json::maybe<audio_delta>& more) {
    if (!more) return;
    if (!whole) whole.emplace();
    set(whole->id, more->id);
    append(whole->data, more->data);
    append(whole->transcript, more->transcript);
    set(whole->expires_at, more->expires_at);
    append(whole->extra, more->extra);
}

void append(message& whole, const delta& more) {
    if (more.role) whole.role = json::open<role>(*more.role);
    append(whole.content, more.content);
    append(whole.refusal, more.refusal);
    if (more.tool_calls) {
        if (!whole.tool_calls) whole.tool_calls.emplace();
        for (const tool_call_delta& call : *more.tool_calls) append(*whole.tool_calls, call);
    }
    append(whole.audio, more.audio);
    append(whole.function_call, more.function_call);
    append(whole.extra, more.extra);
}

choice& choice_of(std::vector<choice>& choices, std::int64_t index) {
    const auto place = std::lower_bound(choices.begin(), choices.end(), index,
                                        [](const choice& each, std::int64_t i) { return each.index < i; });
    if (place != choices.end() && place->index == index) return *place;
    choice& made = *choices.emplace(place);
    made.index = index;
    made.message.role = role::assistant;
    return made;
}

void append(choice& whole, const chunk_choice& more) {
    append(whole.message, more.delta);
    if (more.logprobs) {
        if (!whole.logprobs) whole.logprobs.emplace();
        append(whole.logprobs->content, more.logprobs->content);
        append(whole.logprobs->refusal, more.logprobs->refusal);
        append(whole.logprobs->extra, more.logprobs->extra);
    } else if (more.logprobs.is_null() && !whole.logprobs) {
        whole.logprobs.set_null();
    }
    set(whole.finish_reason, more.finish_reason);
    set(whole.extra, more.extra);
}

} // namespace

void accumulator::add(const chunk& next) {
    if (next.restarted()) {
        reply_ = reply();
        return;
    }
    if (!next.id.empty()) reply_.id = next.id;
    if (next.created != 0) reply_.created = next.created;
    if (!next.model.empty()) reply_.model = next.model;
    set(reply_.service_tier, next.service_tier);
    set(reply_.system_fingerprint, next.system_fingerprint);
    for (const chunk_choice& choice : next.choices) append(choice_of(reply_.choices, choice.index), choice);
    if (next.usage) reply_.usage = next.usage;
    if (next.moderation) reply_.moderation = next.moderation;
    if (next.x_modelmesh) reply_.x_modelmesh = next.x_modelmesh;
    set(reply_.extra, next.extra);
}

reply accumulator::take() { return std::exchange(reply_, reply()); }

} // namespace modelmesh::chat
