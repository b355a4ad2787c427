#include "config/yaml.hpp"

#include "json/scan.hpp"

#include <modelmesh/json/write.hpp>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <map>
#include <streambuf>
#include <utility>

namespace modelmesh::settings {
namespace {

/// Ends the reading; caught in read_yaml.
struct refusal {
    YAML::Mark at;
    const char* what;
};

std::size_t count_nodes(const node& from) {
    std::size_t nodes = 1;
    for (const node& item : from.items) nodes += count_nodes(item);
    for (const entry& each : from.entries) nodes += count_nodes(each.value);
    return nodes;
}
std::size_t height(const node& from) {
    std::size_t below = 0;
    for (const node& item : from.items) below = std::max(below, height(item));
    for (const entry& each : from.entries) below = std::max(below, height(each.value));
    return below + 1;
}

/// Builds nodes from the parser's events. Scalars that are keys are held back until their value comes.
class tree_builder final : public YAML::EventHandler {
public:
    explicit tree_builder(std::shared_ptr<const std::string> source) : source_(std::move(source)) {}

    node take() && { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override { root_.at = at(mark); }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add(make(mark, shape::nothing), anchor, mark);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override {
        node made = make(mark, shape::text);
        if (tag == "!reset")
            made.is_reset = true;
        else if (tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str")
            throw refusal{mark, "there are no types by tag here but !reset"};
        made.text = made.value = text;
        add(std::move(made), anchor, mark);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto known = anchors_.find(anchor);
        if (known == anchors_.end()) throw refusal{mark, "an alias inside of what it stands for"};
        count(count_nodes(known->second), mark);
        if (open_.size() + height(known->second) > yaml_limits::depth) too_deep(mark);
        add(known->second, 0, mark);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        open(mark, tag, anchor, shape::list);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override {
        open(mark, tag, anchor, shape::map);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapEnd() override { close(); }

private:
    struct frame {
        node made;
        YAML::anchor_t anchor;
        YAML::Mark mark;
        bool has_key = false;
    };

    [[nodiscard]] place at(const YAML::Mark& mark) const {
        return {source_, static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column) + 1};
    }
    node make(const YAML::Mark& mark, shape what) {
        count(1, mark);
        node made;
        made.what = what;
        made.at = at(mark);
        return made;
    }
    void count(std::size_t nodes, const YAML::Mark& mark) {
        nodes_ += nodes;
        if (nodes_ > yaml_limits::nodes)
            throw refusal{mark, "more than 10000 values, with every alias replaced by what it stands for"};
    }
    [[noreturn]] static void too_deep(const YAML::Mark& mark) {
        throw refusal{mark, "more than 16 levels of lists and maps"};
    }
    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, shape what) {
        if (tag == "!reset") throw refusal{mark, "!reset takes nothing: write `key: !reset`"};
        if (open_.size() == yaml_limits::depth) too_deep(mark);
        if (!open_.empty() && open_.back().made.what == shape::map && !open_.back().has_key)
            throw refusal{mark, "a list or a map cannot be a key (is a bracket not closed?)"};
        open_.push_back({make(mark, what), anchor, mark});
    }
    void close() {
        frame done = std::move(open_.back());
        open_.pop_back();
        add(std::move(done.made), done.anchor, done.mark);
    }
    void add(node made, YAML::anchor_t anchor, const YAML::Mark& mark) {
        if (anchor != 0) anchors_.insert_or_assign(anchor, made);
        if (open_.empty()) {
            root_ = std::move(made);
            return;
        }
        frame& in = open_.back();
        if (in.made.what == shape::list) {
            in.made.items.push_back(std::move(made));
        } else if (!in.has_key) {
            if (made.what != shape::text || made.is_reset) throw refusal{mark, "a key must be text"};
            if (made.text.size() > yaml_limits::key) throw refusal{mark, "a key of more than 128 bytes"};
            in.made.entries.push_back({std::move(made.text), made.at, {}});
            in.has_key = true;
        } else {
            // The parser's place of a value that is not there is wherever it noticed.
            if (made.what == shape::nothing) made.at = in.made.entries.back().at;
            in.made.entries.back().value = std::move(made);
            in.has_key = false;
        }
    }

    std::shared_ptr<const std::string> source_;
    node root_;
    std::vector<frame> open_;
    std::map<YAML::anchor_t, node> anchors_;
    std::size_t nodes_ = 0;
};

/// Text as a stream, without a copy.
class view_buffer final : public std::streambuf {
public:
    explicit view_buffer(std::string_view text) {
        char* first = const_cast<char*>(text.data()); // only read from
        setg(first, first, first + text.size());
    }
};

// What the parser would take for the end of the text, or for another encoding.
bool is_forbidden(unsigned char c) noexcept { return c < 0x20 && c != '\t' && c != '\n' && c != '\r'; }

place place_of(std::string_view text, std::size_t offset, const std::shared_ptr<const std::string>& source) {
    const std::string_view before = text.substr(0, offset);
    const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t line_start = before.rfind('\n') + 1; // npos + 1 is 0
    return {source, lines + 1, offset - line_start + 1};
}

void merge_missing(node& into, const node& from) {
    for (const entry& each : from.entries)
        if (find(into, each.key) == nullptr) into.entries.push_back(each);
}

// Replaces `<<` by the entries of its maps, earlier ones first, where the map has none of its own.
void apply_merge_keys(node& in, findings& found) {
    for (node& item : in.items) apply_merge_keys(item, found);
    for (entry& each : in.entries) apply_merge_keys(each.value, found);
    entry* merge = find(in, "<<");
    if (merge == nullptr) return;
    const entry taken = std::move(*merge);
    in.entries.erase(in.entries.begin() + (merge - in.entries.data()));
    const bool is_list = taken.value.what == shape::list;
    for (const node& each : is_list ? taken.value.items : std::vector<node>{taken.value}) {
        if (each.what != shape::map)
            found.problem(taken.at, join(in.path, "<<"), "must be a map, or a list of maps");
        merge_missing(in, each);
    }
}

void drop_duplicates(node& in, findings& found) {
    for (node& item : in.items) drop_duplicates(item, found);
    for (std::size_t i = 0; i < in.entries.size(); ++i) {
        const entry& each = in.entries[i];
        if (const entry* first = find(in, each.key); first != &each) {
            found.problem(each.at, join(in.path, each.key),
                          "is given twice, first in line " + std::to_string(first->at.line));
            in.entries.erase(in.entries.begin() + static_cast<std::ptrdiff_t>(i--));
            continue;
        }
        drop_duplicates(in.entries[i].value, found);
    }
}

} // namespace

void set_paths(node& root, std::string path) {
    root.path = std::move(path);
    for (std::size_t i = 0; i < root.items.size(); ++i)
        set_paths(root.items[i], root.path + "[" + std::to_string(i) + "]");
    for (entry& each : root.entries) set_paths(each.value, join(root.path, each.key));
}

std::optional<node> read_yaml(std::string_view text, const std::shared_ptr<const std::string>& source,
                              findings& found) {
    if (text.size() > yaml_limits::bytes) {
        found.problem({source}, {}, "more than 1 MiB");
        return std::nullopt;
    }
    if (!json::detail::valid_utf8(text)) {
        found.problem(place_of(text, json::detail::first_invalid_utf8(text), source), {}, "not UTF-8");
        return std::nullopt;
    }
    if (const auto bad = std::find_if(text.begin(), text.end(), is_forbidden); bad != text.end()) {
        found.problem(place_of(text, static_cast<std::size_t>(bad - text.begin()), source), {},
                      "a control character");
        return std::nullopt;
    }
    view_buffer buffer(text);
    std::istream input(&buffer);
    try {
        YAML::Parser parser(input);
        tree_builder builder(source);
        if (parser.HandleNextDocument(builder)) {
            tree_builder second(source);
            if (parser.HandleNextDocument(second)) {
                found.problem(std::move(second).take().at, {}, "a second document; a file has one");
                return std::nullopt;
            }
        }
        node root = std::move(builder).take();
        if (!root.at.source) root.at = {source, 1, 1};
        set_paths(root, {});
        drop_duplicates(root, found);
        apply_merge_keys(root, found);
        set_paths(root, {});
        return root;
    } catch (const refusal& refused) {
        found.problem({source, static_cast<std::size_t>(refused.at.line) + 1,
                       static_cast<std::size_t>(refused.at.column) + 1},
                      {}, refused.what);
    } catch (const YAML::Exception& failure) {
        found.problem({source, static_cast<std::size_t>(failure.mark.line) + 1,
                       static_cast<std::size_t>(failure.mark.column) + 1},
                      {}, "not YAML: " + failure.msg);
    }
    return std::nullopt;
}

std::string yaml_text(std::string_view text) {
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '.' || c == '/' || c == ':';
    };
    // Words that other readers of YAML take for something else than text.
    constexpr std::string_view words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"};
    std::string lower(text);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool is_safe = !text.empty() && std::all_of(text.begin(), text.end(), is_plain) &&
                         ((lower[0] >= 'a' && lower[0] <= 'z') || lower[0] == '/') && text.back() != ':' &&
                         std::find(std::begin(words), std::end(words), lower) == std::end(words);
    if (is_safe) return std::string(text);
    std::string quoted;
    json::append_string(quoted, text); // every JSON string is one of YAML's
    return quoted;
}

} // namespace modelmesh::settings
