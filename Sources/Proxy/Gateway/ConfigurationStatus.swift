// What has become of the configuration since the start: which one is in force, and what was wrong with the last one that
// was not taken. Readiness, metrics and the admin page show it.

import Auth

package struct ConfigurationStatus: Sendable {
    /// What was wrong with a configuration that was not taken.
    package struct Failure: Sendable {
        /// Nanoseconds since the epoch.
        package var at: Int64
        /// The first error's place.
        package var position: FilePosition
        /// For the operator only: every error with its place, one a line.
        package var text: String
    }

    /// Nanoseconds since the epoch at which the configuration in force was taken.
    package internal(set) var loadedAt: Int64
    /// Of the file that it came from, in hexadecimal; empty when it came from none.
    package internal(set) var digest = ""
    /// Configurations taken after the first.
    package internal(set) var reloads = 0
    package internal(set) var failedReloads = 0
    /// nil: the configuration in force is the latest.
    package internal(set) var failure: Failure?

    /// The file as it is now is in force.
    package var isSynchronized: Bool { failure == nil }
}
