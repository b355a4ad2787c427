#include "router/continuation.hpp"

#include "proto/sse.hpp"
#include "router/delta_content.hpp"

#include <modelmesh/json/members.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>

namespace modelmesh::router {
namespace {

bool is_absent(std::string_view json) noexcept { return json.empty() || json == "null"; }

struct answer_format {
    std::string_view type{};
};

// Without a role, which the reader has seen.
bool says_nothing(const chat::chunk& chunk) {
    return !chunk.usage &&
           std::all_of(chunk.choices.begin(), chunk.choices.end(), [](const chat::chunk_choice& choice) {
               return !says_something(choice.delta.content) && !choice.finish_reason &&
                      !has_more_than_text(choice.delta);
           });
}

} // namespace

bool continuation::is_for(const prepared_request& asked) {
    if (asked.operation() != operation::chat_completion) return false;
    const std::string_view choices = asked.find("n");
    if (!is_absent(choices) && choices != "1") return false;
    const std::string_view wanted = asked.find("response_format");
    if (is_absent(wanted)) return true;
    json::reader reader;
    answer_format format;
    return reader.read(wanted, format, json::read_options::lenient()) && format.type == "text";
}

void continuation::note(const chat::chunk& chunk) {
    for (const chat::chunk_choice& choice : chunk.choices) {
        if (choice.index != 0 || has_more_than_text(choice.delta)) is_plain_ = false;
        if (says_something(choice.finish_reason)) is_finished_ = true;
        if (!is_plain_ || !choice.delta.content) continue;
        if (choice.delta.content->size() > longest_text - text_.size())
            is_plain_ = false;
        else
            text_ += *choice.delta.content;
    }
    if (!is_plain_) text_ = {};
}

result<bool> continuation::take(std::string_view& json) {
    const result<void> parsed = reader_.read(json, chunk_, json::read_options::lenient());
    if (!parsed) return parsed.error();
    if (chunk_.restarted()) { // by a mesh behind this one
        text_.clear();
        is_plain_ = true;
        return true;
    }
    note(chunk_);
    if (!has_moved_) {
        if (id_.empty()) id_ = chunk_.id;
        if (created_ == 0) created_ = chunk_.created;
        return true;
    }
    bool is_announced = false;
    for (chat::chunk_choice& choice : chunk_.choices) {
        is_announced = is_announced || choice.delta.role;
        choice.delta.role.reset();
    }
    if (is_announced && says_nothing(chunk_)) return false;
    if (!id_.empty()) chunk_.id = id_;
    if (created_ != 0) chunk_.created = created_;
    rewritten_.clear();
    json::append(rewritten_, chunk_);
    rewritten_.reserve(rewritten_.size() + proto::sse_decoder::padding);
    json = rewritten_;
    return true;
}

bool continuation::is_possible() const noexcept { return is_plain_ && !is_finished_ && !text_.empty(); }

result<std::shared_ptr<const prepared_request>> continuation::request_for(
    const prepared_request& asked) const {
    std::string json = "{";
    for (const json::member& member : asked.members()) {
        if (json.size() > 1) json += ',';
        json::append_string(json, member.name);
        json += ':';
        const std::size_t end = member.value.rfind(']');
        if (member.name != "messages" || end == std::string_view::npos) {
            json += member.value;
            continue;
        }
        json += member.value.substr(0, end);
        json += R"(,{"role":"assistant","content":)";
        json::append_string(json, text_);
        json += "}]";
    }
    json += '}';
    return prepared_request::parse(asked.operation(), std::move(json), asked.stream(), asked.files());
}

} // namespace modelmesh::router
