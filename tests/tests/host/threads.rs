//! Threads, forks, signals and locales of the host program.
