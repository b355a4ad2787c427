#include <modelmesh/router/capability.hpp>

#include <algorithm>
#include <array>
#include <numeric>

namespace modelmesh::capability {
namespace {

// The shipped tree by its leaves; inner nodes are their prefixes.
constexpr auto tree = std::to_array<std::string_view>({
    "generation.text-generation.chat-completion",
    "generation.text-generation.text-completion",
    "generation.text-generation.code-generation",
    "generation.structured-generation.json-generation",
    "generation.structured-generation.schema-constrained-output",
    "generation.structured-generation.function-call-generation",
    "generation.image-generation.text-to-image",
    "generation.image-generation.image-to-image",
    "generation.image-generation.inpainting",
    "generation.audio-generation.text-to-speech",
    "generation.audio-generation.music-generation",
    "generation.video-generation.text-to-video",
    "generation.video-generation.image-to-video",
    "understanding.text-understanding.summarization",
    "understanding.text-understanding.classification",
    "understanding.text-understanding.sentiment-analysis",
    "understanding.text-understanding.entity-extraction",
    "understanding.vision-understanding.image-captioning",
    "understanding.vision-understanding.object-detection",
    "understanding.vision-understanding.ocr",
    "understanding.audio-understanding.speech-to-text",
    "understanding.audio-understanding.speaker-identification",
    "understanding.audio-understanding.audio-classification",
    "understanding.document-understanding.document-parsing",
    "understanding.document-understanding.table-extraction",
    "understanding.document-understanding.form-extraction",
    "understanding.document-understanding.content-extraction",
    "transformation.translation",
    "transformation.rewriting",
    "transformation.style-transfer",
    "transformation.image-editing.background-removal",
    "transformation.image-editing.upscaling",
    "transformation.image-editing.format-conversion",
    "transformation.audio-processing.noise-reduction",
    "transformation.audio-processing.voice-cloning",
    "transformation.audio-processing.audio-separation",
    "representation.tokenization",
    "representation.feature-extraction",
    "representation.embeddings.text-embeddings",
    "representation.embeddings.image-embeddings",
    "representation.embeddings.multimodal-embeddings",
    "retrieval.reranking",
    "retrieval.search.semantic-search",
    "retrieval.search.web-search",
    "retrieval.search.image-search",
    "retrieval.search.code-search",
    "retrieval.knowledge-graph.graph-query",
    "retrieval.knowledge-graph.entity-linking",
    "retrieval.knowledge-graph.relation-extraction",
    "retrieval.rag.retrieval-augmented-generation",
    "retrieval.rag.grounded-generation",
    "interaction.tool-calling",
    "interaction.multi-turn-conversation",
    "interaction.agent-execution.single-step-agent",
    "interaction.agent-execution.multi-step-agent",
    "evaluation.content-moderation",
    "evaluation.toxicity-detection",
    "evaluation.factuality-checking",
    "evaluation.quality-scoring",
});

struct alias_entry {
    std::string_view name;
    std::string_view node; ///< bare name of a node of the tree
};

// Names that are not nodes themselves. Sorted by name.
constexpr auto alias_table = std::to_array<alias_entry>({
    {"chat", "chat-completion"},
    {"completion", "text-completion"},
    {"embedding", "text-embeddings"},
    {"image", "text-to-image"},
    {"image-to-text", "image-captioning"},
    {"moderation", "content-moderation"},
    {"rerank", "reranking"},
    {"stt", "speech-to-text"},
    {"tools", "tool-calling"},
    {"transcription", "speech-to-text"},
    {"tts", "text-to-speech"},
    {"vision", "vision-understanding"},
    {"web", "web-search"},
});

bool well_formed(std::string_view path) noexcept {
    if (path.empty() || path.front() == '.' || path.back() == '.') return false;
    char before = '.';
    for (const char c : path) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!letter && (c != '.' || before == '.')) return false;
        before = c;
    }
    return true;
}

std::string_view last_segment(std::string_view path) noexcept { return path.substr(path.rfind('.') + 1); }

// The path of the tree's node with this bare name, or empty. All node names are distinct.
std::string_view node_path(std::string_view name) noexcept {
    for (const std::string_view leaf : tree)
        for (std::size_t dot = leaf.find('.'); true; dot = leaf.find('.', dot + 1)) {
            const std::string_view path = leaf.substr(0, dot);
            if (last_segment(path) == name) return path;
            if (dot == std::string_view::npos) break;
        }
    return {};
}

std::size_t edit_distance(std::string_view a, std::string_view b) { // Levenshtein, one row
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
        }
    }
    return row.back();
}

} // namespace

std::span<const std::string_view> leaves() noexcept { return tree; }

std::vector<std::string_view> aliases() {
    std::vector<std::string_view> names;
    for (const alias_entry& entry : alias_table) names.push_back(entry.name);
    return names;
}

bool within(std::string_view path, std::string_view ancestor) noexcept {
    return path.starts_with(ancestor) && (path.size() == ancestor.size() || path[ancestor.size()] == '.');
}

result<std::string> canonical(std::string_view name) {
    if (!well_formed(name)) {
        std::vector<std::string_view> known = aliases();
        for (const std::string_view leaf : tree) known.push_back(last_segment(leaf));
        std::string text = "capability '" + std::string(name.substr(0, 100)) +
                           "' is not made of lower-case segments [a-z0-9-] joined by dots";
        if (const auto near = nearest(name, known, 1); !near.empty())
            text += "; did you mean '" + near[0] + "'?";
        return fault(errc::config, std::move(text));
    }
    if (name.find('.') == std::string_view::npos) {
        const auto found = std::find_if(alias_table.begin(), alias_table.end(),
                                        [name](const alias_entry& entry) { return entry.name == name; });
        const std::string_view path = node_path(found == alias_table.end() ? name : found->node);
        return std::string(path.empty() ? name : path);
    }
    // Paths of ours that name the node right and a group on the way wrong (`generation.audio.text-to-speech`,
    // `representation.audio.speech-to-text`): the last segment decides, because it is unique in the tree.
    if (node_path(name.substr(0, name.find('.'))).empty()) return std::string(name);
    std::string_view last = last_segment(name);
    if (last == "image-to-text") last = "image-captioning";
    const std::string_view path = node_path(last);
    return std::string(path.empty() ? name : path);
}

std::vector<std::string> nearest(std::string_view name, std::span<const std::string_view> known,
                                 std::size_t most) {
    std::vector<std::pair<std::size_t, std::string_view>> ranked;
    const std::size_t allowed = std::max<std::size_t>(2, name.size() / 3);
    for (const std::string_view candidate : known) {
        // Longer names cannot be near; skipping them bounds the work on hostile input.
        if (candidate.size() > name.size() + allowed || name.size() > candidate.size() + allowed) continue;
        if (const std::size_t distance = edit_distance(name, candidate); distance <= allowed)
            ranked.emplace_back(distance, candidate);
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string> names;
    for (const auto& [distance, candidate] : ranked)
        if (names.size() < most && std::find(names.begin(), names.end(), candidate) == names.end())
            names.emplace_back(candidate);
    return names;
}

} // namespace modelmesh::capability
