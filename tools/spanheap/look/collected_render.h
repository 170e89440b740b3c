// SPDX-License-Identifier: MIT
//
// The collected heap as text and as JSON.
//
// Tests. tests/tools/explain_collected_test.py.
#pragma once

#include <nlohmann/json.hpp>

#include "spanheap/look/collected_account.h"
#include "spanheap/text_page.h"

namespace spanheap::look {

nlohmann::json CollectedToJson(const CollectedFigures& figures,
                               const std::vector<CollectedClassAccount>& classes);
// Also of the library's own report, which lacks what only a look tells.
void CollectedFromJson(const nlohmann::json& json, CollectedFigures& figures,
                       std::vector<CollectedClassAccount>& classes);
// At most `rows` classes, those that take most; 0: all.
void AddCollected(tools::TextPage& page, const CollectedFigures& figures,
                  std::vector<CollectedClassAccount> classes, size_t rows);

}  // namespace spanheap::look
