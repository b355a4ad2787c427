#include "files.hpp"

#include "multipart.hpp"
#include "paging.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::size_t kept_files = 100;
constexpr std::int64_t most_listed = 10'000;
constexpr std::int64_t shortest_life = 3600; // seconds
constexpr std::int64_t longest_life = 2'592'000;

} // namespace

std::string file_store::add(const recorded_request& request, const reply_context& context) {
    const form sent(request);
    const form_part& file = sent.need_file("file");
    const fields& in = sent.texts();
    in.need("purpose");
    entry added;
    added.purpose = *in.word("purpose", {"assistants", "batch", "fine-tune", "vision", "user_data", "evals"});
    added.id = numbered("file-" + context.name + "-", context.serial);
    added.name = *file.file_name;
    added.bytes = file.body;
    added.created = seconds_now();
    if (const auto life = in.integer("expires_after[seconds]", shortest_life, longest_life)) {
        in.need("expires_after[anchor]");
        in.word("expires_after[anchor]", {"created_at"});
        added.expires = added.created + *life;
    }
    return json::serialize(keep(std::move(added)));
}

json::object file_store::keep(entry added) {
    if (entries_.size() == kept_files) entries_.pop_front();
    entries_.push_back(std::move(added));
    return object_of(entries_.back());
}

json::object file_store::keep(std::string id, std::string name, std::string purpose, std::string bytes) {
    return keep(entry{std::move(id), std::move(name), std::move(purpose), std::move(bytes), seconds_now()});
}

json::object file_store::object_of(const entry& file) {
    json::object out{{"id", file.id},
                     {"object", "file"},
                     {"bytes", file.bytes.size()},
                     {"created_at", file.created},
                     {"expires_at", nullptr},
                     {"filename", file.name},
                     {"purpose", file.purpose},
                     {"status", "processed"},
                     {"status_details", nullptr}};
    if (file.expires) out["expires_at"] = *file.expires;
    return out;
}

std::deque<file_store::entry>::const_iterator file_store::find(const std::string& id) const {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const entry& one) { return one.id == id; });
    if (found == entries_.end())
        throw refusal(404, {"No such File object: " + id, "invalid_request_error", "id", std::nullopt});
    return found;
}

std::string file_store::list(const recorded_request& request) const {
    const fields in = query_of(request);
    const std::optional<std::string> purpose = in.text("purpose");
    std::vector<json::object> all;
    for (const entry& one : entries_) all.push_back(object_of(one));
    if (in.word("order", {"asc", "desc"}) != "asc") std::reverse(all.begin(), all.end());
    const auto chosen = [&](const json::object& file) {
        return !purpose || file.at("purpose") == json::value(*purpose);
    };
    return json::serialize(page_of(std::move(all), in, page_limits{most_listed, most_listed}, chosen));
}

std::string file_store::show(const std::string& id) const { return json::serialize(object_of(*find(id))); }

const std::string& file_store::content(const std::string& id) const { return find(id)->bytes; }

std::string file_store::remove(const std::string& id) {
    entries_.erase(find(id));
    return json::serialize(json::object{{"id", id}, {"object", "file"}, {"deleted", true}});
}

} // namespace modelmesh::testing::detail
