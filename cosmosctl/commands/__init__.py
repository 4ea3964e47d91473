"""What each verb of the command line does, one a file, without any option parsing or drawing."""
