//! Core dumps: the kernel is told to make none of a process that holds secrets.
