// The page of a new optimization.
import "./form.js";
import "./drafts.js";
