// SPDX-License-Identifier: MIT
//
// Ending at the user's word: SIGINT and SIGTERM become a flag, so that what was begun ends well.
//
// Tests. tests/tools/explain_test.py.
#pragma once

namespace spanheap::tools {

void CatchInterrupts();
bool WasInterrupted();

}  // namespace spanheap::tools
